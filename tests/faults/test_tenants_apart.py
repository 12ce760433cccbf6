"""I13: nothing of one tenant reaches another, in short; `make faults ONLY=tenants` has 100,000 results."""

from __future__ import annotations

from pathlib import Path

from tests.faults.tenants.trial import TenantTrial

RESULTS = 400


def test_i13_nothing_of_a_tenant_reaches_another_that_has_the_same_ids(
    mongo_url: str, redis_url: str, database: str, tmp_path: Path
) -> None:
    servers = {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}
    outcome = TenantTrial(tmp_path, servers, RESULTS).run()
    assert not outcome.wrongs, outcome.wrongs[:5]
    assert min(client.counts["sockets"] for client in outcome.clients) > 50
    for client in outcome.clients:
        assert min(client.counts[source] for source in ("queries", "sockets", "foreign", "exports")) > 10

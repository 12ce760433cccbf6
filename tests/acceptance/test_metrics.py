"""What operators look at: /metrics, /healthz and /readyz."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from api.devserver.embedded import free_port
from tests.helpers.own_contexts import OWN, OWN_VIEWS
from tests.helpers.served_api import PATIENCE, Served, serve
from tests.helpers.servers import Servers, eventually


def samples(text: str) -> dict[tuple[str, ...], float]:
    """Values by name and labels."""
    families = text_string_to_metric_families(text)
    return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


def test_events_and_commands_are_counted_and_measured(served: Served) -> None:
    agent = served.do("registerAgent", name="x")["stream"]
    served.do("createTask", title="x", agentId=agent)
    served.refused('mutation { startTask(input: {id: "task-unknown"}) { receipt { version } } }')
    found = samples(served.get("/metrics").text)
    assert found["events_total", "append", "task.created"] == 1
    assert found["events_total", "append", "task.assigned"] == 1
    assert found["event_processing_duration_seconds_count", "append"] == 3
    assert found["event_size_bytes_count",] == 3
    assert found["event_size_bytes_sum",] > 20
    assert found["nerve_commands_total", "StartTask", "NOT_FOUND"] == 1
    # A view that nothing concerned says so a little later.
    eventually(lambda: _lags(served) == {"agents": 0, "tasks": 0, "workflows": 0})


def _lags(served: Served) -> dict[str, float]:
    found = samples(served.get("/metrics").text)
    return {name: found["nerve_view_lag", name] for name in ("agents", "tasks", "workflows")}


def test_a_view_without_a_worker_lags_and_is_named_as_missing(
    mongo_url: str, redis_url: str, database: str
) -> None:
    with serve(worker=False, mongo_url=mongo_url, redis_url=redis_url, database=database) as alone:
        for _ in range(3):
            alone.do("registerAgent", wait="STORED", name="x")
        assert samples(alone.get("/metrics").text)["nerve_view_lag", "agents"] == 3
        ready = alone.get("/readyz")
        assert ready.status_code == 503
        missing = [f"view.{view.name}" for view in OWN[1]]
        assert ready.json() == {"ready": False, "missing": missing}
        assert alone.get("/healthz").status_code == 200


def test_a_worker_shows_its_own_measurements(mongo_url: str, redis_url: str, database: str) -> None:
    port = free_port()
    own: dict[str, Any] = {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}
    with serve(metrics_port=port, **own) as running:
        running.do("registerAgent", name="x")

        def measured() -> dict[tuple[str, ...], float]:
            return samples(httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE).text)

        eventually(lambda: measured()["nerve_partitions_held",] == len(OWN_VIEWS))
        assert measured()["events_total", "view.agents", "agent.registered"] == 1
        assert measured()["event_processing_duration_seconds_count", "view.agents"] == 1


def test_a_workers_metrics_need_the_token_if_one_is_set(
    mongo_url: str, redis_url: str, database: str
) -> None:
    token = "a token of the scraper, 32 characters"
    port = free_port()
    own: dict[str, Any] = {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}
    with serve(metrics_port=port, metrics_token=token, **own):
        url = f"http://127.0.0.1:{port}/metrics"
        for headers in ({}, {"authorization": f"Bearer {token}x"}, {"authorization": token}):
            refused = httpx.get(url, headers=headers, timeout=PATIENCE)
            assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
        assert (
            "events_total"
            in httpx.get(url, headers={"authorization": f"Bearer {token}"}, timeout=PATIENCE).text
        )


def test_readiness_names_the_server_that_is_gone(servers: Servers, database: str) -> None:
    mongod, redis = servers.mongod(), servers.redis()
    own: dict[str, Any] = {"mongo_url": mongod.url, "redis_url": redis.url, "database": database}
    with serve(**own) as running:
        eventually(lambda: running.get("/readyz").status_code == 200)
    with serve(worker=False, **own) as running:
        assert running.get("/readyz").json() == {"ready": True, "missing": []}
        redis.kill()
        answer = running.get("/readyz")
        assert (answer.status_code, answer.json()) == (200, {"ready": True, "missing": ["redis"]})
        assert running.do("registerAgent", wait="STORED", name="x")["version"] == 1
        mongod.kill()
        answer = running.get("/readyz")
        assert (answer.status_code, answer.json()) == (503, {"ready": False, "missing": ["mongodb", "redis"]})
        assert running.get("/healthz").status_code == 200
        assert running.get("/metrics").status_code == 200


async def test_subscriptions_their_groups_and_what_they_share_are_counted(served: Served) -> None:
    """Two ask for the same events, and one for others."""

    def figures() -> dict[str, float]:
        lines = served.get("/metrics").text.splitlines()
        samples_of_log = [
            line.split() for line in lines if line.startswith("nerve_live_") and 'source="log"' in line
        ]
        return {
            name.partition("{")[0].removeprefix("nerve_live_"): float(value) for name, value in samples_of_log
        }

    same = 'subscription { events(filter: {types: ["agent.registered"]}) { __typename } }'
    other = 'subscription { events(filter: {types: ["agent.retired"]}) { __typename } }'
    async with served.client() as client:
        for name, document in (("1", same), ("2", same), ("3", other)):
            await client.subscribe(name, document)
            assert (await client.receive())["type"] == "next"
        before = figures()
        assert (before["subscriptions"], before["groups"]) == (3, 2)
        await asyncio.to_thread(served.do, "registerAgent", name="counted")
        assert {(await client.receive())["id"] for _ in range(2)} == {"1", "2"}
        after = figures()
    assert after["executions_total"] - before["executions_total"] == 1
    assert after["deliveries_total"] - before["deliveries_total"] == 2
    assert after["lagged_total"] == 0
    await asyncio.to_thread(eventually, lambda: figures()["subscriptions"] == figures()["groups"] == 0)

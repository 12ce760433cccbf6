"""No cached result is stale over three API processes; `make faults ONLY=queries.stale` does more."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr

from api.result_cache_settings import ResultCacheSettings
from api.settings import Settings
from projections.querying.row_changes import ChangeTracker
from tests.faults.query_histories import APIS, Outcome, QueryHistories
from tests.helpers.cached_api import CachedApi, cached_api
from tests.helpers.drivers import chosen_driver

NOWHERE = "redis://127.0.0.1:1/0"
PLANTED_PAIRS = 100
"""Pairs by which each planted fault is found."""

PAIRS = 150
POLL = 0.02


@asynccontextmanager
async def open_apis(
    mongo_url: str, redis_url: str, database: str, **options: Any
) -> AsyncIterator[list[CachedApi]]:
    """Open three API processes on one database; the first has a worker in it."""
    settings = Settings(
        mongo_url=SecretStr(mongo_url),
        redis_url=SecretStr(redis_url),
        mongo_driver=chosen_driver(),
        database=database,
        contexts=("projections.views.documents",),
        poll_interval=POLL,
        **options,
    )
    async with AsyncExitStack() as stack:
        apis = (cached_api(settings, worker=number == 0) for number in range(APIS))
        yield [await stack.enter_async_context(api) for api in apis]


@pytest.mark.parametrize("wakes", [True, False], ids=["redis", "polling"])
async def test_no_read_is_stale(mongo_url: str, redis_url: str, database: str, wakes: bool) -> None:
    """Whether Redis wakes the readers of the processes or they poll; many reads come from the caches."""
    async with open_apis(mongo_url, redis_url if wakes else NOWHERE, database) as apis:
        outcome = Outcome()
        await QueryHistories(apis, outcome).run(PAIRS, "polling" if not wakes else "with Redis")
        assert outcome.wrongs == []
        assert len(outcome.reads) == 4
        for api in apis:
            assert api.hits > 10


def serve_without_a_check(_monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    return {"result_cache": ResultCacheSettings(max_age=60)}


def overlook_changed_rows(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(ChangeTracker, "concern", lambda *_: False)
    return {}


@pytest.mark.parametrize("plant", [serve_without_a_check, overlook_changed_rows])
async def test_stale_reads_are_found(
    mongo_url: str,
    redis_url: str,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
    plant: Callable[[pytest.MonkeyPatch], dict[str, Any]],
) -> None:
    """By the versions that are shown, and by the histories of the rows."""
    async with open_apis(mongo_url, redis_url, database, **plant(monkeypatch)) as apis:
        outcome = Outcome()
        await QueryHistories(apis, outcome).run(PLANTED_PAIRS, "with a fault")
        assert any("was shown after" in wrong for wrong in outcome.wrongs)
        assert any("is not linearizable" in wrong for wrong in outcome.wrongs)

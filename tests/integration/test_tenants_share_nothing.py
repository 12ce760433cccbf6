"""Two tenants with the same ids and the same queries share nothing, through whatever serves many requests.

That is compiled documents, group reads, cached results and live queries.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from pymongo import MongoClient

from api.access.callers import Caller
from api.live_query_settings import LiveQuerySettings
from api.settings import Settings
from domain.kernel import Envelope, Scope
from domain.kernel.access import ADMINISTRATOR
from tests.helpers.cached_api import CachedApi, cached_api
from tests.helpers.drivers import chosen_driver
from tests.helpers.live_query_rig import LiveQueryClient, LiveQueryRig, until
from tests.helpers.memos import PinMemo

pytestmark = pytest.mark.asyncio(loop_scope="module")

ONE = "query ($id: ID!) { memo(id: $id) { text } }"
ALL = "query { memos(first: 50) { nodes { id text } totalCount } }"
LIVE = "subscription { live { position query { memos(first: 50) { nodes { id text } totalCount } } } }"
MEMOS = ("1", "2", "3")
REPEATS = 3
"""The third time, a query is served from the cache."""

PATIENCE = 60.0

writes = st.lists(st.tuples(st.booleans(), st.sampled_from(MEMOS)), min_size=1, max_size=4)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(mongo_url: str, redis_url: str) -> AsyncIterator[CachedApi]:
    database = f"test_{uuid4().hex}"
    options = Settings(
        mongo_url=SecretStr(mongo_url),
        redis_url=SecretStr(redis_url),
        mongo_driver=chosen_driver(),
        database=database,
        contexts=("tests.helpers.memos", "tests.helpers.memo_books"),
        poll_interval=0.05,
        live_queries=LiveQuerySettings(interval=0.05),
    )
    async with cached_api(options, worker=True) as api:
        yield api
    with MongoClient[dict[str, Any]](mongo_url) as client:
        client.drop_database(database)


class Tenant:
    """A tenant with its memos by their ids, as it must see them."""

    def __init__(self, api: CachedApi, live: LiveQueryRig) -> None:
        self.name = f"tenant-{uuid4().hex}"
        self.memos: dict[str, str] = {}
        self._api = api
        self._caller = Caller(Scope(self.name), roles=frozenset((ADMINISTRATOR,)))
        self.follower: LiveQueryClient = live.open(LIVE, self.name)

    async def write(self, memo: str) -> None:
        text = f"{len(self.memos)} {uuid4().hex} of {self.name}"
        command = PinMemo(name=memo, author="ada", text=text)
        position = (await self._api.runtime.bus.dispatch(Envelope(command, Scope(self.name)))).position
        await self._api.runtime.readers["memos"].wait_for(position, PATIENCE)
        self.memos[f"memo-{memo}"] = text

    async def read(self) -> None:
        """Send each query, and compare the result with what the tenant has."""
        for memo in MEMOS:
            shown = (await self._api.ask(ONE, self._caller, id=f"memo-{memo}"))["memo"]
            assert (shown and shown["text"]) == self.memos.get(f"memo-{memo}")
        assert self.has_all(await self._api.ask(ALL, self._caller))

    def has_received_all(self) -> bool:
        """Return whether the live query shows the tenant's memos, and no others."""
        return self.has_all(self.follower.query)

    def has_all(self, data: Mapping[str, Any] | None) -> bool:
        """Return whether the data has the tenant's memos, and no others."""
        if data is None:
            return False
        memos = data["memos"]
        shown = {node["id"]: node["text"] for node in memos["nodes"]}
        return shown == self.memos and memos["totalCount"] == len(self.memos)


@given(writes=writes)
@settings(
    max_examples=4, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_two_tenants_with_the_same_ids_share_nothing(
    api: CachedApi, writes: Sequence[tuple[bool, str]]
) -> None:
    """They write in turns, and send the same queries at the same time."""
    live, hits = LiveQueryRig(api.runtime), api.hits
    tenants = [Tenant(api, live) for _ in range(2)]
    for is_second, memo in writes:
        await tenants[is_second].write(memo)
        for _ in range(REPEATS):
            await asyncio.gather(*(tenant.read() for tenant in tenants))
    assert api.hits > hits
    for tenant, other in (tenants, tenants[::-1]):
        await until(tenant.has_received_all)
        assert other.name not in str(tenant.follower.bodies)
        tenant.follower.close()

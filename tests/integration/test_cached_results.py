"""A cached result is never older than what a read of MongoDB would have shown, and equals alone share it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr

from api.access.callers import Caller
from api.settings import Settings
from domain.kernel import Envelope, Scope
from projections.querying.row_scope import RowScope
from projections.querying.view_states import ViewState, ViewStates
from tests.helpers.cached_api import CachedApi, cached_api
from tests.helpers.drivers import chosen_driver
from tests.helpers.memos import PinMemo

NOWHERE = "redis://127.0.0.1:1/0"
MEMOS = 3
WRITES = 8
READERS = 2
PATIENCE = 20.0
POLL = 0.05

ONE = "query ($id: ID!) { memo(id: $id) { text } }"
ALL = "{ memos(first: 50) { nodes { id text } totalCount } }"


@asynccontextmanager
async def two_apis(
    mongo_url: str, redis_url: str, database: str
) -> AsyncIterator[tuple[CachedApi, CachedApi]]:
    """Two API processes on one database; the first has a worker in it."""
    settings = Settings(
        mongo_url=SecretStr(mongo_url),
        redis_url=SecretStr(redis_url),
        mongo_driver=chosen_driver(),
        database=database,
        contexts=("tests.helpers.memos", "tests.helpers.memo_books"),
        poll_interval=POLL,
    )
    async with cached_api(settings, worker=True) as first, cached_api(settings) as second:
        yield first, second


async def pin(api: CachedApi, name: str, text: str, author: str = "ada", tenant: str = "default") -> int:
    """Write a memo, and return the position of its commit."""
    command = PinMemo(name=name, author=author, text=text)
    return (await api.runtime.bus.dispatch(Envelope(command, Scope(tenant)))).position


class History:
    """Writes growing numbers into memos, and reads them through the caches of two APIs.

    A read is stale if it shows less than what a write that was projected, or another read, had shown before
    it began: then the reads are not linearizable. `stale` has the reads that were.
    """

    def __init__(self, apis: Sequence[CachedApi], seed: int) -> None:
        self._apis = apis
        self._dice = random.Random(seed)
        self._shown = dict.fromkeys((f"memo-{number}" for number in range(MEMOS)), -1)
        self._is_written = asyncio.Event()
        self.stale: list[str] = []

    async def run(self) -> None:
        """Write and read at random, and then read what was written last from each cache."""
        await asyncio.gather(*(self._write(memo, 0) for memo in self._shown))
        readers = [asyncio.create_task(self._read_on()) for _ in range(READERS)]
        await asyncio.gather(*(self._write_on(memo) for memo in self._shown))
        self._is_written.set()
        await asyncio.gather(*readers)
        for api in self._apis:
            for _ in range(3):
                await self._read_all(api)

    async def _write_on(self, memo: str) -> None:
        for number in range(1, WRITES):
            await self._write(memo, number)
            if self._dice.random() < 0.7:
                await self._read()

    async def _write(self, memo: str, number: int) -> None:
        position = await pin(self._api(), memo.removeprefix("memo-"), str(number))
        if number in (0, WRITES - 1) or self._dice.random() < 0.7:
            await self._api().runtime.readers["memos"].wait_for(position, PATIENCE)
            self._show(memo, number)

    async def _read_on(self) -> None:
        while not self._is_written.is_set():
            await self._read()

    async def _read(self) -> None:
        """Read from MongoDB, or a few times through a cache."""
        api, memo = self._api(), self._dice.choice(sorted(self._shown))
        way = self._dice.random()
        for _ in range(3):
            if way < 0.2:
                await self._read_row(api, memo)
            elif way < 0.6:
                await self._read_one(api, memo)
            else:
                await self._read_all(api)

    async def _read_row(self, api: CachedApi, memo: str) -> None:
        shown = dict(self._shown)
        row = await api.runtime.readers["memos"].get(RowScope("default"), memo)
        assert row is not None
        self._check(shown, {memo: row["text"]})

    async def _read_one(self, api: CachedApi, memo: str) -> None:
        shown = dict(self._shown)
        data = await api.ask(ONE, id=memo)
        self._check(shown, {memo: data["memo"]["text"]})

    async def _read_all(self, api: CachedApi) -> None:
        shown = dict(self._shown)
        data = await api.ask(ALL)
        self._check(shown, {node["id"]: node["text"] for node in data["memos"]["nodes"]})

    def _check(self, shown: dict[str, int], texts: dict[str, str]) -> None:
        for memo, text in texts.items():
            if int(text) < shown[memo]:
                self.stale.append(f"{memo} has {text}, and {shown[memo]} was shown before")
            self._show(memo, int(text))

    def _show(self, memo: str, number: int) -> None:
        self._shown[memo] = max(number, self._shown[memo])

    def _api(self) -> CachedApi:
        return self._dice.choice(self._apis)


@pytest.mark.parametrize("wakes", [True, False], ids=["redis", "polling"])
async def test_no_cached_result_is_stale(mongo_url: str, redis_url: str, database: str, wakes: bool) -> None:
    """Over two APIs, whether Redis wakes their readers or they poll."""
    async with two_apis(mongo_url, redis_url if wakes else NOWHERE, database) as apis:
        history = History(apis, seed=7)
        await history.run()
        assert history.stale == []
        for api in apis:
            assert api.hits > 0


async def test_a_history_finds_results_that_are_served_without_a_check(
    mongo_url: str, redis_url: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fault: each API reads the states of views once, and takes them for the present ones then."""
    read, first = ViewStates.read, dict[tuple[Any, ...], Sequence[ViewState]]()

    async def read_once(states: ViewStates, tenant: str, views: Sequence[str]) -> Sequence[ViewState]:
        key = (states, tenant, *views)
        if key not in first:
            first[key] = await read(states, tenant, views)
        return first[key]

    monkeypatch.setattr(ViewStates, "read", read_once)
    async with two_apis(mongo_url, redis_url, database) as apis:
        history = History(apis, seed=7)
        await history.run()
        assert history.stale


async def test_callers_with_other_tenants_or_rights_share_no_result(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """The ids and the queries are the same, and each caller asks until it is served from the cache."""
    ada, ben = (Caller(subject=name) for name in ("ada", "ben"))
    auditor = Caller(subject="ada", roles=frozenset({"auditor"}))
    elsewhere = Caller(Scope("other"), "ada")
    texts = {ada: {"ada's"}, ben: {"ben's"}, auditor: {"ada's", "ben's"}, elsewhere: {"of the other"}}
    async with two_apis(mongo_url, redis_url, database) as (api, _):
        await pin(api, "1", "ada's", "ada")
        await pin(api, "1", "of the other", "ada", "other")
        position = await pin(api, "2", "ben's", "ben")
        await api.runtime.readers["memos"].wait_for(position, PATIENCE)
        for _ in range(4):
            for caller, visible in texts.items():
                data = await api.ask(ALL, caller)
                assert {node["text"] for node in data["memos"]["nodes"]} == visible
                assert data["memos"]["totalCount"] == len(visible)
        assert api.hits == 2 * len(texts)
        # A commit of another tenant changes nothing here.
        await pin(api, "2", "more", "ada", "other")
        await api.ask(ALL, ada)
        assert api.hits == 2 * len(texts) + 1

"""The fence: what holds a position up, and that nothing makes a reader wait for ever or pass it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.collection import Collection

from domain.kernel import Commit
from domain.kernel.errors import Unavailable
from eventstore.commit_documents import encode_commit, with_position
from eventstore.options import CLOSE_WITHIN, LogOptions
from tests.helpers.commits import NEVER, Store, commit, open_store
from tests.helpers.mongo_profiler import commands


@pytest.fixture
def beside(mongo_url: str, database: str) -> Iterator[Collection[Any]]:
    """The log's documents by a client that is not part of nerve."""
    with MongoClient[dict[str, Any]](mongo_url) as client:
        yield client[database]["log"]


class StoppedClock:
    """A monotonic clock that stands still, except for `advance`."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        self.seconds += seconds


async def passes(store: Store, position: int) -> list[Commit]:
    """What a new reader sees, once it has come to `position`."""
    reader = store.log.reader()
    seen: list[Commit] = []
    async with asyncio.timeout(20):
        while len(seen) < position:
            seen += await reader.read(len(seen))
    return seen


@pytest.mark.parametrize("ends", ["commit", "abort"])
async def test_i4_a_position_in_an_open_transaction_is_neither_passed_nor_waited_for_without_end(
    open_another, beside, ends
):
    """The server itself would wait: for as long as the transaction lasts."""
    store = await open_another(LogOptions(close_within=0.3), fence_after=0.0)
    hole = await store.leave_hole()
    await store.log.append(commit("note-b", 0))
    reader = store.log.reader()
    with beside.database.client.start_session() as session:
        session.start_transaction()
        beside.insert_one(with_position(encode_commit(commit("note-a", 0)), hole), session=session)
        for _ in range(2):
            async with asyncio.timeout(30):
                with pytest.raises(Unavailable):
                    await reader.read(0)
        getattr(session, f"{ends}_transaction")()
    seen = await passes(store, 2)
    assert [one.info and one.info.stream for one in seen] == [
        "note-a" if ends == "commit" else None,
        "note-b",
    ]


async def test_a_hole_of_any_size_is_closed_in_parts_without_a_new_wait_for_each(open_another):
    """As a counter leaves it that was raised by mistake. The fence's time counts once."""
    clock = StoppedClock()
    store = await open_another(LogOptions(monotonic=clock), fence_after=60)
    await store.leave_hole(12_000)
    await store.log.append(commit("note-a", 0))
    reader = store.log.reader()
    assert await reader.read(0) == []
    clock.advance(61)
    async with commands(store) as asked:
        seen: list[Commit] = []
        while found := await reader.read(len(seen), 4_000):
            seen += found
    assert [one.info is None for one in seen] == [True] * 12_000 + [False]
    assert asked["insert log"] == 3


async def test_one_insert_closes_a_hole_and_its_write_is_journaled_by_a_majority(open_another):
    store = await open_another(fence_after=0.0)
    await store.leave_hole(40)
    await store.log.append(commit("note-a", 0))
    await store.database.command({"profile": 2})
    await passes(store, 41)
    await store.database.command({"profile": 0})
    found = store.database["system.profile"].find({"ns": f"{store.database.name}.log", "op": "insert"})
    (insert,) = [one["command"] for one in await found.to_list(None)]
    assert (insert["writeConcern"]["w"], insert["writeConcern"]["j"]) == ("majority", True)
    assert insert["maxTimeMS"] <= CLOSE_WITHIN * 1000


async def test_a_reader_that_starts_again_counts_from_its_own_first_sight(open_another):
    """What an earlier reader had waited for does not count."""
    eager = await open_another(fence_after=0.0)
    patient = await open_another(fence_after=NEVER)
    await patient.leave_hole()
    await patient.log.append(commit("note-a", 0))
    before = patient.log.reader()
    assert await before.read(0) == await patient.log.reader().read(0) == []
    assert len(await eager.log.reader().read(0)) == 2
    assert len(await before.read(0)) == 2


async def test_a_second_hole_has_a_time_of_its_own(open_another):
    """The first one was seen long ago, and got its commit; the next one has just come."""
    clock = StoppedClock()
    store = await open_another(LogOptions(monotonic=clock), fence_after=60)
    first = await store.leave_hole()
    await store.log.append(commit("note-b", 0))
    reader = store.log.reader()
    assert await reader.read(0) == []
    clock.advance(61)
    await store.documents.insert_many([with_position(encode_commit(commit("note-a", 0)), first)])
    await store.leave_hole()
    await store.log.append(commit("note-c", 0))
    assert [one.position for one in await reader.read(0)] == [1, 2]
    assert await reader.read(2) == []
    clock.advance(61)
    assert [one.position for one in await reader.read(2)] == [3, 4]


async def test_nothing_is_read_from_a_secondary_whatever_the_url_says(mongo_url, database):
    """Here there is none: what asked for one would find no server."""
    url = mongo_url.replace("directConnection=true", "readPreference=secondary")
    async with open_store(url, database) as store:
        await store.log.append(commit("note-a", 0))
        assert len(await store.everything()) == await store.log.high_water_mark() == 1

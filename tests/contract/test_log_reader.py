"""Reading in position order: every reader sees one contiguous log, and what it saw never changes (I4)."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from pymongo.errors import BulkWriteError

from domain.kernel import Commit, Receipt
from domain.kernel.errors import ConcurrencyConflict
from eventstore.commit_documents import encode_commit, with_position
from tests.helpers.commits import NEVER, commit
from tests.helpers.counter_paths import BOTH_COUNTER_PATHS


async def test_an_empty_log_has_nothing_to_read(store):
    assert await store.log.reader().read(0) == []
    assert (await store.log.head(), await store.log.high_water_mark()) == (0, 0)


async def test_i4_a_reader_does_not_pass_an_open_position(store):
    await store.log.append(commit("note-a", 0))
    await store.leave_hole()
    await store.log.append(commit("note-b", 0))
    reader = store.log.reader()
    assert [one.position for one in await reader.read(0)] == [1]
    assert await reader.read(1) == []
    assert (await store.log.head(), await store.log.high_water_mark()) == (3, 1)


async def test_i4_a_writer_that_comes_late_but_before_the_fence_is_seen_in_its_place(store):
    hole = await store.leave_hole()
    await store.log.append(commit("note-b", 0))
    reader = store.log.reader()
    assert await reader.read(0) == []
    await store.documents.insert_many([with_position(encode_commit(commit("note-a", 0)), hole)])
    assert [one.info.stream for one in await reader.read(0)] == ["note-a", "note-b"]


async def test_i4_a_stalled_writer_can_never_land_behind_a_reader(open_another):
    """The reader closes the whole hole; later inserts are refused, and a second reader sees the same."""
    store = await open_another(fence_after=0.05)
    hole = await store.leave_hole(40)
    await store.log.append(commit("note-b", 0))
    reader = store.log.reader()
    async with asyncio.timeout(60):
        while not (seen := await reader.read(0)):
            pass
    assert [one.info is None for one in seen] == [True] * 40 + [False]
    with pytest.raises(BulkWriteError):
        await store.documents.insert_many([with_position(encode_commit(commit("note-a", 0)), hole + 7)])
    assert await (await open_another()).everything() == seen
    assert await store.log.high_water_mark() == 41


async def test_the_fence_counts_from_the_readers_own_first_sight_of_the_hole(open_another):
    """A reader that has just come does not fence at once, however old the hole is."""
    store = await open_another(fence_after=NEVER)
    await store.leave_hole()
    await store.log.append(commit("note-b", 0))
    for _ in range(3):
        assert await store.log.reader().read(0) == []
    assert await store.documents.count_documents({"tombstone": True}) == 0


@BOTH_COUNTER_PATHS
async def test_i4_readers_that_race_with_writers_and_fences_all_see_the_same(open_another):
    """Writers that lose their place to an eager reader's fence take another; nothing is lost or moved."""
    stores = [await open_another(fence_after=0.0) for _ in range(3)]
    writing = asyncio.gather(*(_write(store, seed) for seed, store in enumerate(stores)))
    reading = [asyncio.create_task(_follow(store, writing)) for store in stores]
    receipts = [receipt for written in await writing for receipt in written]
    first, *others = await asyncio.gather(*reading)
    assert all(other == first for other in others)
    assert [one.position for one in first] == list(range(1, len(first) + 1))
    found = {one.info.command_id: one.position for one in first if one.info}
    assert found == {receipt.command_id: receipt.position for receipt in receipts}


async def _write(store, seed: int) -> list[Receipt]:
    chance = random.Random(seed)
    receipts: list[Receipt] = []
    for _ in range(20):
        name = f"note-{chance.randrange(5)}"
        version = len(await store.log.stream("default", name))
        found = await asyncio.gather(
            *(store.log.append(commit(name, version)) for _ in range(3)), return_exceptions=True
        )
        assert {type(outcome) for outcome in found} <= {Receipt, ConcurrencyConflict}
        receipts += [outcome for outcome in found if isinstance(outcome, Receipt)]
    return receipts


async def _follow(store, writing: asyncio.Future[Any]) -> list[Commit]:
    reader = store.log.reader()
    seen: list[Commit] = []
    while not writing.done() or len(seen) < await store.log.head():
        seen += await reader.read(len(seen), limit=7)
        await asyncio.sleep(0)
    return seen

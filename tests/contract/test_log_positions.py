"""Positions without a reservation, while a process is the only writer; and what happens once it is not."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from pymongo import MongoClient

from domain.kernel import Receipt
from eventstore.options import CounterOptions
from tests.helpers.commits import HELD, RESERVED, Store, commit
from tests.helpers.mongo_profiler import commands


@pytest.fixture
def counter() -> CounterOptions:
    return HELD


@pytest.fixture
async def direct(store: Store) -> Store:
    """A log that takes itself for the only writer; its head is at 2, and the counter knows it."""
    for name in ("note-first", "note-second"):
        await store.log.append(commit(name, 0))
    await counter_at(store, 2)
    return store


async def counter_head(store: Store) -> int:
    found = await store.database["counters"].find_one({"_id": "log"})
    return int(found["head"]) if found else 0


async def counter_at(store: Store, head: int) -> None:
    """Return when the counter of a majority is at `head`; it is written beside the inserts."""
    async with asyncio.timeout(60):
        while await counter_head(store) != head:
            await asyncio.sleep(0.01)


async def whole(store: Store) -> int:
    """How many positions the log has, none of them open, none of them empty."""
    seen = await store.everything()
    assert len(seen) == await store.log.head()
    assert all(one.info for one in seen)
    return len(seen)


async def one_by_one(store: Store, name: str, count: int) -> list[Receipt]:
    return [await store.log.append(commit(name, version)) for version in range(count)]


@pytest.mark.parametrize("counter", [RESERVED], ids=["reserved"])
async def test_a_reservation_costs_a_command_before_each_insert(store):
    async with commands(store) as counts:
        await one_by_one(store, "note-a", 10)
    assert counts == {"findAndModify counters": 10, "insert log": 10}


async def test_the_holder_needs_one_command_and_reports_to_the_counter_beside_it(direct):
    async with commands(direct) as counts:
        await one_by_one(direct, "note-a", 10)
        await direct.log.close()
    assert counts["insert log"] == 10
    assert 1 <= counts["findAndModify counters"] <= 11
    assert set(counts) == {"findAndModify counters", "insert log"}
    await counter_at(direct, 12)


async def test_the_only_writer_does_not_wait_for_the_counter(direct, mongo_url):
    """A transaction locks the counter: a reservation would wait for its end, the holder does not."""
    with MongoClient[dict[str, Any]](mongo_url) as client, client.start_session() as session:
        session.start_transaction()
        held = client[direct.database.name]["counters"]
        held.update_one({"_id": "log"}, {"$set": {"locked": True}}, session=session)
        async with asyncio.timeout(60):
            receipts = await one_by_one(direct, "note-a", 5)
        session.abort_transaction()
    assert [receipt.position for receipt in receipts] == [3, 4, 5, 6, 7]


async def test_an_idle_process_holds_no_position(direct, open_another):
    """Else it would be a hole in the way of all readers."""
    await one_by_one(direct, "note-a", 5)
    other = await open_another()
    receipts = await one_by_one(other, "note-b", 3)
    assert [receipt.position for receipt in receipts] == [8, 9, 10]
    assert await whole(other) == 10


async def test_two_logs_that_take_turns_leave_no_hole(direct, open_another):
    other = await open_another()
    for version in range(15):
        await direct.log.append(commit("note-a", version))
        await other.log.append(commit("note-b", version))
    assert await whole(direct) == 32


async def test_two_logs_at_once_clash_and_both_go_on_without_a_hole(direct, open_another):
    other = await open_another()
    await asyncio.gather(
        *(one_by_one(store, f"note-{number}", 10) for number in range(6) for store in (direct, other)),
        return_exceptions=True,
    )
    seen = {(one.info.stream, one.events[0].version) for one in await direct.everything() if one.info}
    assert seen >= {(f"note-{number}", version) for number in range(6) for version in range(1, 11)}
    assert len(await direct.everything()) == await direct.log.head()


@pytest.mark.parametrize("counter", [HELD, replace(HELD, sole_after=0.05)], ids=["at once", "soon"])
async def test_no_writer_starves_beside_one_that_holds_the_counter(direct, open_another):
    """One writes without a pause, the other now and then."""
    other = await open_another()
    done = asyncio.Event()

    async def flood(name: str) -> None:
        version = 0
        while not done.is_set():
            await direct.log.append(commit(name, version))
            version += 1

    flooding = asyncio.gather(*(flood(f"note-flood-{number}") for number in range(8)))
    async with asyncio.timeout(20):
        receipts = await one_by_one(other, "note-a", 25)
    done.set()
    await flooding
    assert [receipt.version for receipt in receipts] == list(range(1, 26))
    assert await whole(other) == await other.log.head()


async def test_the_holder_sees_other_reservations_by_the_reply_of_the_counter(direct):
    """Before its positions are in the way: here it has a thousand of them."""
    await direct.database["counters"].update_one({"_id": "log"}, {"$inc": {"head": 1000}})
    async with asyncio.timeout(60):
        for number in range(500):
            receipt, *_ = await one_by_one(direct, f"note-{number}", 1)
            if receipt.position > 1002:
                return
    pytest.fail(f"the holder has gone on by itself to position {receipt.position}")


async def test_a_process_that_was_idle_for_long_appends_after_the_commits_of_others(direct, open_another):
    """What it takes for the next position is long taken."""
    other = await open_another()
    await one_by_one(other, "note-b", 40)
    receipts = await one_by_one(direct, "note-a", 3)
    assert [receipt.position for receipt in receipts] == [43, 44, 45]
    assert await whole(direct) == 45


async def test_i4_a_later_version_gets_a_later_position_than_one_of_another_process(direct, open_another):
    """Where the positions it takes for the next are free still, but lie before the version it builds on."""
    other = await open_another()
    await other.database["counters"].update_one({"_id": "log"}, {"$set": {"head": 50}})
    await other.log.append(commit("note-a", 0))
    receipt = await direct.log.append(commit("note-a", 1))
    assert receipt.position == 52


async def test_a_counter_that_a_failover_reverted_or_removed_stops_no_writer(direct, open_another):
    other = await open_another()
    await one_by_one(other, "note-b", 5)
    for change in ({"$set": {"head": 1}}, {"$unset": {"head": 1}}):
        for name, store in (("note-c", direct), ("note-d", other)):
            await direct.database["counters"].update_one({"_id": "log"}, change)
            version = len(await store.log.stream("default", name))
            await store.log.append(commit(name, version))
    assert await whole(direct) == 11

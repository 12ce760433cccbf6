"""I9: readers of a view that is switched to another generation notice nothing but what really changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from projections.live.messages import RowChange, Snapshot
from projections.projecting.projector import Projector
from projections.querying.leftovers import clear_leftovers
from projections.querying.locator import consumer_name, switch_topic
from subscriptions.consumers.checkpoints import Checkpoint
from subscriptions.consumers.generations import Generations
from subscriptions.consumers.partition_leases import PartitionLease, PartitionLeases
from tests.helpers.consumer_states import TERM, hold, opened, switch
from tests.helpers.note_rig import Rig, open_rig
from tests.helpers.notes import Scored, Written, view
from tests.helpers.row_scopes import ALL_ROWS

pytestmark = pytest.mark.usefixtures("driver")

DEADLINE = 120
NAME = consumer_name(view)


@pytest.fixture
async def rig(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[Rig]:
    """Nothing is noticed by looking again."""
    async with open_rig(mongo_url, redis_url, database, poll_interval=600) as rig:
        yield rig


async def build(rig: Rig, lease: PartitionLease, upto: int) -> None:
    """Fold the log into a generation up to a position, and save that."""
    projector = Projector(view, rig.database, rig.log)
    await projector.begin(Checkpoint(lease.generation, 0))
    await projector.handle([commit for commit in await rig.commits() if commit.position <= upto])
    assert await rig.checkpoints.save(lease, upto)


async def two(rig: Rig) -> tuple[PartitionLease, PartitionLease]:
    """A view whose active generation is at position 2, with another one beside it that is at 3."""
    await rig.append("note-1", Written(text="a"))
    await rig.append("note-2", Written(text="b"))
    await rig.append("note-1", Scored(by=5))
    await opened(rig)
    old = await hold(rig)
    await build(rig, old, 2)
    new = await hold(rig, await Generations(rig.database).begin(NAME, ""))
    await build(rig, new, 3)
    return old, new


async def score(rig: Rig) -> int:
    row = await rig.reader.get(ALL_ROWS, "note-1")
    assert row is not None
    value: int = row["score"]
    return value


async def test_i9_what_is_built_is_not_read_until_it_is_switched_to_and_then_at_once(rig: Rig) -> None:
    _, new = await two(rig)
    assert (await rig.reader.position(), await score(rig)) == (2, 0)
    await switch(rig, new, 3)
    assert await score(rig) == 0, "nobody has told, and what is read is right as far as it came"
    assert await rig.reader.position() == 3
    assert await score(rig) == 5, "whoever has read the position reads the rows that are there"


async def test_i9_a_message_tells_readers_of_a_switch(rig: Rig) -> None:
    _, new = await two(rig)
    assert await score(rig) == 0
    await switch(rig, new, 3)
    rig.wakeups.announce(switch_topic(view), new.generation)
    assert await score(rig) == 5


async def test_i9_without_redis_a_switch_is_noticed_by_the_poll(mongo_url: str, database: str) -> None:
    async with open_rig(mongo_url, "redis://127.0.0.1:1/", database, poll_interval=0.05) as rig:
        _, new = await two(rig)
        assert await score(rig) == 0
        await switch(rig, new, 3)
        async with asyncio.timeout(DEADLINE):
            while await score(rig) != 5:
                await asyncio.sleep(0.01)


async def test_i9_whoever_waits_for_a_position_that_the_new_generation_has_is_answered_from_it(
    rig: Rig,
) -> None:
    _, new = await two(rig)
    waiting = asyncio.create_task(rig.reader.wait_for(3, DEADLINE))
    assert await rig.reader.position() == 2
    await switch(rig, new, 3)
    rig.wakeups.announce(NAME, 3)
    await waiting
    assert await score(rig) == 5


async def test_i9_a_live_subscriber_is_told_of_each_change_once_across_a_switch(rig: Rig) -> None:
    _, new = await two(rig)
    async with aclosing(rig.live.watch_rows(ALL_ROWS)) as told, asyncio.timeout(DEADLINE):
        snapshot = await anext(told)
        assert isinstance(snapshot, Snapshot)
        assert {row["id"]: row["score"] for row in snapshot.rows} == {"note-1": 0, "note-2": 0}
        await anext(told)
        following = asyncio.ensure_future(anext(told))
        while not rig.changes.reached:
            await asyncio.sleep(0.01)
        await switch(rig, new, 3)
        rig.wakeups.announce(NAME, 3)
        changes = [await following]
        await rig.append("note-2", Scored(by=7))
        await build(rig, new, 4)
        rig.wakeups.announce(NAME, 4)
        changes.append(await anext(told))
    told_of = [one for one in changes if isinstance(one, RowChange)]
    assert [(one.id, one.row and one.row["score"], one.changed_fields) for one in told_of] == [
        ("note-1", 5, ("folded", "score", "scored_at")),
        ("note-2", 7, ("folded", "score", "scored_at")),
    ]


async def test_rows_of_generations_that_are_no_more_are_removed_and_no_others(rig: Rig) -> None:
    _, second = await two(rig)
    await Generations(rig.database).cancel(NAME, second.generation)
    third = await Generations(rig.database).begin(NAME, "")
    await clear_leftovers(view, rig.database)
    assert [len(await rig.documents(number)) for number in (1, 2, 3)] == [2, 0, 0]
    await build(rig, await hold(rig, third), 3)
    await clear_leftovers(view, rig.database)
    assert [len(await rig.documents(number)) for number in (1, 2, 3)] == [2, 0, 2]


async def test_i9_positions_and_rows_never_go_back_while_generations_are_switched(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """A reader looks all the time, in a process that is told nothing."""
    async with (
        open_rig(mongo_url, redis_url, database, poll_interval=0.02, work=True) as rig,
        open_rig(mongo_url, redis_url, database, poll_interval=0.02) as other,
    ):
        await rig.append("note-1", Written(text="a"))
        await rig.projected()
        over = asyncio.Event()

        async def watch() -> int:
            looks, before = 0, (0, 0, 0)
            while not over.is_set():
                position = await other.reader.position()
                row = await other.reader.get(ALL_ROWS, "note-1")
                assert row is not None
                now = (position, row["score"], row["_position"])
                assert all(late >= early for early, late in zip(before, now, strict=True)), (before, now)
                assert row["_position"] >= position, "what the view is said to have, it has"
                looks, before = looks + 1, now
            return looks

        watching = asyncio.create_task(watch())
        for _ in range(4):
            state = await opened(rig)
            code = state.generations[state.active or 0].code
            number = await Generations(rig.database).begin(NAME, code)
            for _ in range(5):
                position = (await rig.append("note-1", Scored(by=1))).position
            async with asyncio.timeout(DEADLINE):
                while (await opened(rig)).generations[number].position < position:
                    await asyncio.sleep(0.01)
            leader = await hold(rig, number, code=code)
            await switch(rig, leader, position)
            await PartitionLeases(rig.database, "the test", TERM).release([leader])
            assert (await opened(rig)).active == number
        over.set()
        assert await watching > 10

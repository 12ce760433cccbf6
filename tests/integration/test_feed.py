"""The feed: from any position on, everything once and in order, then live."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from functools import partial
from typing import Any

import pytest
from pymongo import MongoClient

from domain.kernel import Commit
from subscriptions.feed.feed import Feed
from subscriptions.feed.pages import PAGE, Pages
from subscriptions.feed.tail import Tail
from subscriptions.feed.wakeups import Wakeups
from tests.helpers.note_rig import Rig, open_rig
from tests.helpers.notes import Written

pytestmark = pytest.mark.usefixtures("driver")

DEADLINE = 120


@pytest.fixture
async def rig(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[Rig]:
    """A process without wake-ups from others' polls: 600 seconds are beyond every deadline here."""
    async with open_rig(mongo_url, redis_url, database, poll_interval=600) as rig:
        yield rig


async def take(
    feed: Tail[Any], after: int, upto: int, *, pause: Callable[[], Awaitable[None]] | None = None
) -> list[int]:
    """The positions that a cursor gets, until `upto`."""
    found: list[int] = []
    async with asyncio.timeout(DEADLINE), aclosing(feed.follow(after)) as batches:
        async for batch in batches:
            found += [commit.position for commit in batch.items]
            if batch.position >= upto:
                return found
            if pause is not None:
                await pause()
    raise AssertionError("the feed ended")


async def test_i7_a_cursor_at_any_position_gets_all_later_commits_once_in_order(rig: Rig) -> None:
    await rig.write(map(str, range(5)))
    followers = [asyncio.create_task(take(rig.feed, after, 12)) for after in range(9)]
    await rig.write(map(str, range(5, 12)))
    for after, follower in enumerate(followers):
        assert await follower == list(range(after + 1, 13))


async def test_i7_resuming_after_any_batch_loses_and_repeats_nothing(rig: Rig) -> None:
    writing = asyncio.create_task(rig.write(map(str, range(120))))
    found: list[int] = []
    dice = random.Random(7)
    async with asyncio.timeout(DEADLINE):
        while len(found) < 120:
            async with aclosing(rig.feed.follow(found[-1] if found else 0)) as batches:
                async for batch in batches:
                    found += [commit.position for commit in batch.items]
                    if len(found) == 120 or dice.random() < 0.3:
                        break
    await writing
    assert found == list(range(1, 121))


async def test_a_cursor_behind_the_ring_reads_from_mongodb(rig: Rig) -> None:
    """With a ring of 5 and batches of 3, a slow one is passed again and again, a quick one is not."""
    feed = Feed(rig.log, rig.wakeups, rig.poll_interval, ring_size=5, batch_size=3)
    await rig.write(map(str, range(10)))

    async def more() -> None:
        if feed.reached < 60:
            await rig.write([f"more-{feed.reached}-{i}" for i in range(8)])

    quick = asyncio.create_task(take(feed, 0, 50))
    for found in await take(feed, 0, 50, pause=more), await quick:
        assert found == list(range(1, len(found) + 1))
        assert len(found) >= 50


async def test_a_cursor_into_an_empty_log_has_caught_up(rig: Rig) -> None:
    async with asyncio.timeout(DEADLINE), aclosing(rig.feed.follow(0)) as batches:
        batch = await anext(batches)
    assert (list(batch.items), batch.position, batch.caught_up) == ([], 0, True)


async def test_a_cursor_has_caught_up_once_it_had_all_commits_acknowledged_before(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """A process without wake-ups: its own tail is behind, and still it does not claim too much."""
    async with (
        open_rig(mongo_url, redis_url, database) as writer,
        open_rig(mongo_url, "redis://127.0.0.1:1/", database, poll_interval=600) as deaf,
    ):
        await writer.write("abc")
        async with asyncio.timeout(DEADLINE), aclosing(deaf.feed.follow(3)) as first:
            assert (await anext(first)).caught_up
            await writer.write("de")
            async with aclosing(deaf.feed.follow(1)) as second:
                found = []
                async for batch in second:
                    found += [commit.position for commit in batch.items]
                    if batch.caught_up:
                        break
    assert found == [2, 3, 4, 5]


async def test_an_idle_cursor_gets_the_ticks_that_it_asked_for(rig: Rig) -> None:
    async with asyncio.timeout(DEADLINE), aclosing(rig.feed.follow(0, tick=lambda: 0.01)) as batches:
        ticks = [await anext(batches) for _ in range(4)]
    assert all(not batch.items and batch.caught_up for batch in ticks)


async def test_many_cursors_cost_one_read_for_each_wakeup_and_none_cost_nothing(
    rig: Rig, mongo_url: str, database: str
) -> None:
    """40 live followers of 30 commits: MongoDB is asked at most once for each announcement, heard twice."""
    await rig.write("a")
    with MongoClient[dict[str, Any]](mongo_url) as client:
        followers = [asyncio.create_task(take(rig.feed, 1, 31)) for _ in range(40)]
        while rig.feed.reached < 1:
            await asyncio.sleep(0)
        await asyncio.to_thread(client[database].command, {"profile": 2})
        await rig.write(map(str, range(30)))
        await asyncio.gather(*followers)
        log = {"ns": f"{database}.log", "op": "query", "command.filter._id.$gt": {"$exists": True}}
        reads = await asyncio.to_thread(client[database]["system.profile"].count_documents, log)
        assert reads <= 70
        await asyncio.to_thread(client[database].command, {"profile": 0})
    assert rig.feed.reached == 0


async def test_i7_a_commit_of_another_process_behind_an_own_one_is_read_at_once(
    rig: Rig, mongo_url: str, redis_url: str, database: str
) -> None:
    """One announcement wakes the tail for both, and no other one comes within the deadline."""
    await rig.write("a")
    feed = Feed(rig.log, Wakeups(redis_url, database), rig.poll_interval)
    async with open_rig(mongo_url, redis_url, database, poll_interval=600) as another:
        follower = asyncio.create_task(take(feed, 1, 3))
        async with asyncio.timeout(DEADLINE):
            while feed.reached < 1:
                await asyncio.sleep(0)
        await rig.append("note-b", Written(text="own"))
        await another.append("note-c", Written(text="another"))
        feed.notify(3)
        assert await follower == [2, 3]


async def test_wakeups_can_be_stopped_at_any_instant(redis_url: str, database: str) -> None:
    async with asyncio.timeout(DEADLINE):
        for instant in range(40):
            wakeups = Wakeups(redis_url, database)
            await wakeups.start()
            for _ in range(instant):
                await asyncio.sleep(0)
            await wakeups.stop()


async def test_an_open_position_holds_cursors_up_until_it_is_closed(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """A writer died between its reservation and its insert: a tombstone takes the place."""
    async with open_rig(mongo_url, redis_url, database, poll_interval=0.1) as rig:
        live = asyncio.create_task(take(rig.feed, 0, 3))
        await rig.append("note-a", Written(text="a"), tenant="one")
        await rig.database["counters"].update_one({"_id": "log"}, {"$inc": {"head": 1}})
        await rig.append("note-a", Written(text="a"), tenant="two")
        commits: list[Commit] = []
        async with asyncio.timeout(DEADLINE), aclosing(rig.feed.follow(0)) as batches:
            async for batch in batches:
                commits += batch.items
                if batch.caught_up:
                    break
        assert await live == [1, 2, 3]
    assert [commit.info and commit.info.tenant for commit in commits] == ["one", None, "two"]


async def test_i7_cursors_far_behind_share_pages_and_get_everything_once(
    mongo_url: str, redis_url: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest, beyond the last whole page, each reads for itself."""
    # A busy machine may take a second for a page, after which pages would be dropped and read again.
    monkeypatch.setattr("subscriptions.feed.feed.Pages", partial(Pages, patience=DEADLINE))
    head = 2 * PAGE + 300
    starts = [0, 1, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE - 1, 2 * PAGE, head - 1]
    async with open_rig(mongo_url, redis_url, database, poll_interval=600) as rig:
        await asyncio.gather(*(rig.append(f"note-{i}", Written(text="a")) for i in range(head)))
        await rig.database.command({"profile": 2})
        found = await asyncio.gather(*(take(rig.feed, start, head) for start in starts))
        await rig.database.command({"profile": 0})
        assert found == [list(range(start + 1, head + 1)) for start in starts]
        whole = {"ns": f"{rig.database.name}.log", "op": "query", "command.limit": PAGE}
        read = await rig.database["system.profile"].count_documents(whole)
    assert 2 <= read <= 4, "nine without sharing; at its start the tail forgets what was read before"

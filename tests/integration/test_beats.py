"""While a worker looks at MongoDB and beats, no other process needs to look."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

from redis.asyncio import Redis

from projections.querying.locator import consumer_name
from subscriptions.consumers.generations import Generations
from subscriptions.feed.position_waiters import RECHECK
from subscriptions.feed.wakeups import Wakeups
from subscriptions.live.messages import CaughtUp
from tests.helpers.note_rig import Rig, open_rig
from tests.helpers.notes import view
from tests.helpers.row_scopes import ALL_ROWS

DEADLINE = 120
NOWHERE = "redis://127.0.0.1:1/"
NEVER = 600.0
"""A poll interval beyond the deadline."""

BEYOND_ALL = RECHECK - 1
"""Beyond every position: a task that waits for it is only woken to look again."""


async def until(reached: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not await reached():
            await asyncio.sleep(0.02)


async def beaten(redis_url: str, database: str) -> None:
    """Wait for a worker's beat with the positions of the log and of the view."""
    awaited = [b"beat log ", consumer_name(view).encode()]
    async with Redis.from_url(redis_url) as redis, redis.pubsub(ignore_subscribe_messages=True) as channel:
        await channel.subscribe(f"nerve:{database}")
        while awaited:
            message = await channel.get_message(timeout=DEADLINE)
            data = message["data"] if message is not None else b""
            awaited = [one for one in awaited if not (data.startswith(b"beat ") and one in data)]


@asynccontextmanager
async def watched(rig: Rig) -> AsyncIterator[list[Any]]:
    """What a live view and an event feed deliver from here on; both are live when it begins."""
    delivered: list[Any] = []

    async def follow() -> None:
        async with aclosing(rig.feed.follow(await rig.log.head())) as batches:
            async for batch in batches:
                delivered.append(batch)

    async def watch() -> None:
        async with aclosing(rig.live.watch_rows(ALL_ROWS)) as messages:
            async for message in messages:
                delivered.append(message)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(follow()), group.create_task(watch())]
        async with asyncio.timeout(DEADLINE):
            while not (any(isinstance(item, CaughtUp) for item in delivered) and rig.changes.cursors):
                await asyncio.sleep(0.01)
        yield delivered
        for task in tasks:
            task.cancel()


async def test_i6_a_message_that_was_lost_comes_with_the_next_beat(
    mongo_url: str, redis_url: str, database: str
) -> None:
    async with (
        open_rig(mongo_url, NOWHERE, database) as writer,
        open_rig(mongo_url, redis_url, database, poll_interval=0.1, work=True) as worker,
        open_rig(mongo_url, redis_url, database, poll_interval=NEVER) as rig,
        asyncio.timeout(DEADLINE),
    ):
        await worker.projected()
        async with watched(rig):
            await writer.write("a")
            await until(lambda: _reached(rig, 1))


async def test_i6_a_process_looks_by_itself_once_no_worker_beats(
    mongo_url: str, redis_url: str, database: str
) -> None:
    async with (
        open_rig(mongo_url, NOWHERE, database) as writer,
        open_rig(mongo_url, redis_url, database, poll_interval=0.2) as rig,
        asyncio.timeout(DEADLINE),
    ):
        async with open_rig(mongo_url, redis_url, database, poll_interval=0.1, work=True) as worker:
            await worker.projected()
            async with watched(rig):
                await beaten(redis_url, database)
        async with watched(rig):
            await writer.write("a")
            await until(lambda: _reached_log(rig, 1))


async def test_a_beat_of_another_edition_wakes_a_resting_loop(redis_url: str, database: str) -> None:
    """Rows of a view may change at a position that is not new."""
    sender, receiver = Wakeups(redis_url, database), Wakeups(redis_url, database)
    listener = receiver.listen("topic")
    await sender.start()
    await receiver.start()
    try:
        async with asyncio.timeout(DEADLINE):
            await listener.wait(NEVER, beyond=0)  # It is connected.
            sender.beat("topic", 7, 1)
            await listener.rest(NEVER, beyond=7)
            sender.beat("topic", 7, 1)
            sender.beat("topic", 7, 2)
            await listener.rest(NEVER, beyond=7)
            resting = asyncio.create_task(listener.rest(NEVER, beyond=7))
            sender.beat("topic", 7, 2)
            sender.announce("other", 1)
            await receiver.listen("other").wait(NEVER, beyond=0)
            assert not resting.done()
            resting.cancel()
    finally:
        await sender.stop()
        await receiver.stop()


async def test_a_beat_carries_the_revision_of_the_generations(mongo_url: str, database: str) -> None:
    """A resting loop looks at the view again, even if no other message announces it."""
    async with (
        open_rig(mongo_url, NOWHERE, database, poll_interval=0.1, work=True) as worker,
        asyncio.timeout(DEADLINE),
    ):
        await worker.write("a")
        await worker.projected()
        listener = worker.locator.listen()
        await listener.rest(NEVER, beyond=BEYOND_ALL)
        await Generations(worker.database).begin(consumer_name(view), "")
        await listener.rest(NEVER, beyond=BEYOND_ALL)


async def _reached(rig: Rig, position: int) -> bool:
    return rig.feed.reached >= position and rig.changes.reached >= position


async def _reached_log(rig: Rig, position: int) -> bool:
    return rig.feed.reached >= position

"""I6: whatever happens to Redis and its messages, the feed loses, doubles and reorders nothing."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing

from redis.asyncio import Redis

from projections.querying.pages import ListQuery
from tests.helpers.followed_positions import followed_positions
from tests.helpers.note_rig import Rig, open_rig
from tests.helpers.notes import Scored, Written
from tests.helpers.row_scopes import ALL_ROWS
from tests.helpers.servers import Servers

DEADLINE = 30


async def until(reached: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not await reached():
            await asyncio.sleep(0.02)


async def hears(rig: Rig) -> bool:
    """Whether the process is subscribed at its Redis."""
    redis = Redis.from_url(rig.redis_url)
    try:
        return await redis.publish(f"nerve:{rig.database.name}", "nothing 0") > 0
    finally:
        await redis.aclose()


async def test_i6_redis_killed_and_started_again_changes_nothing_but_latency(
    mongo_url: str, database: str, servers: Servers
) -> None:
    redis = servers.redis()
    async with (
        open_rig(mongo_url, redis.url, database, poll_interval=0.2) as writer,
        open_rig(mongo_url, redis.url, database, poll_interval=0.2, work=True) as reader,
    ):
        await until(lambda: hears(reader))
        following = asyncio.create_task(followed_positions(reader, 90))
        await writer.write(map(str, range(30)))
        redis.kill()
        await writer.write(map(str, range(30, 60)))
        await reader.projected(DEADLINE)
        redis.start()
        await writer.write(map(str, range(60, 90)))
        await reader.projected(DEADLINE)
        assert await following == list(range(1, 91))
        assert await reader.reader.count(ALL_ROWS) == 90


async def test_i6_wake_ups_work_again_after_redis_was_away(
    mongo_url: str, database: str, servers: Servers
) -> None:
    """A poll interval beyond the deadline: only messages can wake the follower."""
    redis = servers.redis()
    async with (
        open_rig(mongo_url, redis.url, database, poll_interval=600) as writer,
        open_rig(mongo_url, redis.url, database, poll_interval=600) as reader,
    ):
        await until(lambda: hears(reader))
        following = asyncio.create_task(followed_positions(reader, 4))
        await writer.write("a")
        await until(lambda: _reached(reader, 1))
        redis.kill()
        await writer.write("b")
        redis.start()
        await until(lambda: _reached(reader, 2))  # What was missed is read when the connection is back.
        await writer.write("cd")
        assert await following == [1, 2, 3, 4]


async def _reached(rig: Rig, position: int) -> bool:
    return rig.feed.reached >= position


async def test_i6_messages_lost_doubled_shuffled_and_invented_change_nothing(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """The writer's own announcements get lost; what goes over Redis instead is noise."""
    dice = random.Random(6)
    async with (
        open_rig(mongo_url, "redis://127.0.0.1:1/", database) as writer,
        open_rig(mongo_url, redis_url, database, poll_interval=0.2, work=True) as reader,
        Redis.from_url(redis_url) as noise,
    ):
        following = asyncio.create_task(followed_positions(reader, 100))
        for name in range(50):
            await writer.append(f"note-{name}", Written(text="a"))
            await writer.append(f"note-{name}", Scored(by=1))
            for _ in range(4):
                position = dice.choice([0, 1, 2 * name, 2 * name + 1, 2 * name + 3, 10**15, 10**30, -1])
                topic = dice.choice(["log", "view.notes", "view.other", "", "log log"])
                await noise.publish(
                    f"nerve:{database}", dice.choice([f"{topic} {position}", topic, "\xff\0"])
                )
            await noise.publish(f"nerve:{database}", dice.choice([b"\xff\xfe not a text", b"log \xb2"]))
        await reader.projected(DEADLINE)
        assert await following == list(range(1, 101))
        page = await reader.reader.page(ALL_ROWS, ListQuery(99, {"score": {"eq": 1}}))
        assert sorted(row["id"] for row in page.rows) == sorted(f"note-{name}" for name in range(50))
        assert await hears(reader)


async def test_i6_without_redis_news_come_within_the_poll_interval(mongo_url: str, database: str) -> None:
    nowhere = "redis://127.0.0.1:1/"
    async with (
        open_rig(mongo_url, nowhere, database) as writer,
        open_rig(mongo_url, nowhere, database, poll_interval=0.3) as reader,
        asyncio.timeout(DEADLINE),
        aclosing(reader.feed.follow(0)) as batches,
    ):
        assert (await anext(batches)).caught_up
        latencies = []
        for position in range(1, 4):
            await writer.write([str(position)])
            written = time.monotonic()
            assert (await anext(batches)).position == position
            latencies.append(time.monotonic() - written)
    # A busy machine delays some of them, and longer pauses between the polls would delay each.
    assert min(latencies) < 0.3 + 0.5

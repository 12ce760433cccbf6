"""I6: what happens to messages on their way changes nothing, and a Redis that hangs is one that is away."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
from redis.asyncio import Redis

from domain.kernel.errors import Unavailable
from projections.live.messages import ChangeKind, RowChange, Snapshot
from subscriptions.feed.channels import SingleChannel
from tests.helpers.followed_positions import followed_positions as positions
from tests.helpers.note_rig import Rig, open_rig
from tests.helpers.notes import Scored
from tests.helpers.row_scopes import ALL_ROWS
from tests.helpers.servers import Servers

DEADLINE = 120
NOTES = 5
APPENDED = 150


@asynccontextmanager
async def relayed(source: str, target: str, channel: str) -> AsyncIterator[None]:
    """Passes on what one Redis is told to another: a third is lost, a third doubled, and all out of order."""
    dice = random.Random(6)
    held: list[Any] = []

    async def relay() -> None:
        async with Redis.from_url(source) as here, Redis.from_url(target) as there, here.pubsub() as told:
            await told.subscribe(channel)
            async for message in told.listen():
                if message["type"] == "message":
                    held.extend([message["data"]] * dice.randrange(3))
                while len(held) > 10:
                    await there.publish(channel, held.pop(dice.randrange(len(held))))

    task = asyncio.create_task(relay())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def scores(rig: Rig, upto: int, live: asyncio.Event) -> tuple[dict[str, list[int]], dict[str, int]]:
    """What a live view tells of each note, one score after the other, and what it leads to at last."""
    told: dict[str, list[int]] = {}
    held: dict[str, int] = {}
    async with asyncio.timeout(DEADLINE), aclosing(rig.live.watch_rows(ALL_ROWS)) as messages:
        async for message in messages:
            match message:
                case Snapshot(rows=rows):
                    held = {row["id"]: row["score"] for row in rows}
                    live.set()
                case RowChange(kind=kind, id=id, row=row) if (
                    kind is not ChangeKind.REMOVED and row is not None
                ):
                    held[id] = row["score"]
                    told.setdefault(id, []).append(row["score"])
            if sum(held.values()) == upto:
                break
    return told, held


async def test_i6_messages_and_beats_that_are_lost_doubled_and_shuffled_change_nothing(
    mongo_url: str, redis_url: str, database: str, servers: Servers
) -> None:
    other = servers.redis().url
    async with (
        open_rig(mongo_url, redis_url, database, poll_interval=0.2, work=True) as worker,
        open_rig(mongo_url, other, database, poll_interval=0.2) as reader,
        relayed(redis_url, other, f"nerve:{database}"),
    ):
        last = await worker.write(map(str, range(NOTES)))
        await worker.projected()
        live = asyncio.Event()
        watching = asyncio.create_task(scores(reader, APPENDED, live))
        following = asyncio.create_task(positions(reader, last + APPENDED))
        async with asyncio.timeout(DEADLINE):
            await live.wait()
        for number in range(APPENDED):
            await worker.append(f"note-{number % NOTES}", Scored(by=1))
        assert await following == list(range(1, last + APPENDED + 1))
        told, held = await watching
        assert held == {f"note-{number}": APPENDED // NOTES for number in range(NOTES)}
        for seen in told.values():
            assert seen == sorted(set(seen)), "a state was told twice, or after a later one"


async def test_i6_a_redis_that_hangs_is_out_of_reach(servers: Servers, database: str) -> None:
    """Its connections stand, and nothing comes over them. One that is only silent answers when asked."""
    redis = servers.redis()
    channel = SingleChannel(redis.url, database, timeout=1.0)
    async with asyncio.timeout(DEADLINE), aclosing(channel.receive()) as messages:
        assert await anext(messages) is None
        asked = await _pings(redis.url)
        silent = asyncio.ensure_future(anext(messages))
        while await _pings(redis.url) < asked + 2:
            await asyncio.sleep(0.02)
        await channel.publish(["word"])
        assert await silent == b"word"
        os.kill(redis.pid, signal.SIGSTOP)
        try:
            with pytest.raises(Unavailable):
                await anext(messages)
        finally:
            os.kill(redis.pid, signal.SIGCONT)
    await channel.close()


async def _pings(url: str) -> int:
    """How often the server was asked whether it is there."""
    async with Redis.from_url(url) as redis:
        told: dict[str, Any] = await redis.info("commandstats")
    return int(told["cmdstat_ping"]["calls"])

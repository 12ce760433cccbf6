"""What a process announces in one turn of its event loop costs every other process one message."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from redis.asyncio import Redis

from subscriptions.feed.wakeups import Wakeups

DEADLINE = 120
TOPICS = {"log": 9, "view.tasks": 7, "view.agents": 8}


async def test_the_positions_of_one_turn_are_one_message(redis_url: str) -> None:
    database = f"test_{uuid4().hex}"
    listening, sending = Wakeups(redis_url, database), Wakeups(redis_url, database)
    waiters = {topic: listening.position_waiters(topic) for topic in TOPICS}
    await listening.start()
    async with asyncio.timeout(DEADLINE):
        # A subscription that is complete makes all listeners look.
        await waiters["log"].reach(1, DEADLINE)
    async with Redis.from_url(redis_url) as redis, redis.pubsub(ignore_subscribe_messages=True) as channel:
        await channel.subscribe(f"nerve:{database}")
        await channel.get_message(timeout=DEADLINE)
        await sending.start()
        sending.announce("log", 5)
        for topic, position in TOPICS.items():
            sending.announce(topic, position)
        message = await channel.get_message(timeout=DEADLINE)
    assert message is not None
    assert message["data"].split(b" ") == [b"log", b"9", b"view.tasks", b"7", b"view.agents", b"8"]
    async with asyncio.timeout(DEADLINE):
        for topic, position in TOPICS.items():
            while waiters[topic].highest != position:
                await waiters[topic].reach(position, DEADLINE)
    await sending.stop()
    await listening.stop()


async def test_a_message_that_is_cut_off_wakes_for_the_positions_that_it_has(redis_url: str) -> None:
    """Anybody may write to the channel."""
    database = f"test_{uuid4().hex}"
    listening = Wakeups(redis_url, database)
    waiters = listening.position_waiters("view.tasks")
    await listening.start()
    async with asyncio.timeout(DEADLINE):
        await waiters.reach(1, DEADLINE)
    async with Redis.from_url(redis_url) as redis:
        await redis.publish(f"nerve:{database}", "log x view.tasks 7 view.agents")
    async with asyncio.timeout(DEADLINE):
        while waiters.highest != 7:
            await waiters.reach(7, DEADLINE)
    await listening.stop()

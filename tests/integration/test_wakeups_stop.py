"""What a process announces is sent although the process ends right after it."""

from __future__ import annotations

import asyncio

import pytest

from subscriptions.feed.wakeups import Wakeups

DEADLINE = 120
NOWHERE = "redis://127.0.0.1:1/"


@pytest.mark.parametrize("turns", range(4))
async def test_an_announcement_right_before_the_stop_reaches_other_processes(
    redis_url: str, turns: int
) -> None:
    """Whether sending it has begun or not: after each number of turns of the event loop."""
    listening, ending = Wakeups(redis_url, "stop"), Wakeups(redis_url, "stop")
    waiters = listening.position_waiters("topic")
    texts: list[str] = []
    listening.subscribe("words", texts.append)
    await listening.start()
    async with asyncio.timeout(DEADLINE):
        # A subscription that is complete makes all listeners look.
        await waiters.reach(1, DEADLINE)
    await ending.start()
    ending.publish("words", "some text")
    ending.announce("topic", 7)
    for _ in range(turns):
        await asyncio.sleep(0)
    await ending.stop()
    async with asyncio.timeout(DEADLINE):
        while waiters.highest != 7:
            await waiters.reach(7, DEADLINE)
    assert texts == ["some text"]
    await listening.stop()


async def test_it_stops_although_redis_is_away() -> None:
    """The messages that wait are dropped then."""
    wakeups = Wakeups(NOWHERE, "stop")
    await wakeups.start()
    wakeups.announce("topic", 1)
    async with asyncio.timeout(DEADLINE):
        await wakeups.stop()

"""The noise of the trials: a channel's messages are lost, doubled and shuffled, and all else is passed on."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.exceptions import RedisError

from api.devserver.embedded import free_port
from tests.faults.live import noise
from tests.helpers.servers import at_port

MESSAGES = 300
DEADLINE = 30


async def test_messages_get_lost_doubled_and_shuffled_on_a_noisy_way_to_redis(redis_url: str) -> None:
    target, port = urlsplit(redis_url).port, free_port()
    assert target is not None
    serving = asyncio.create_task(noise.main(port, target, seed=1))
    url = at_port(redis_url, port)
    try:
        async with (
            asyncio.timeout(DEADLINE),
            Redis.from_url(redis_url) as plain,
            Redis.from_url(url) as noisy,
        ):
            assert await _answers(noisy)
            await noisy.set("noise", b"a value\r\n$3\r\nof several lines", ex=60)
            assert await noisy.get("noise") == b"a value\r\n$3\r\nof several lines"
            heard = await _heard(plain, noisy)
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving
    sent = set(range(MESSAGES))
    assert heard
    assert set(heard) < sent
    assert len(heard) > len(set(heard))
    assert heard != sorted(heard)


async def _answers(redis: Redis) -> bool:
    while True:
        with suppress(RedisError):
            return bool(await redis.ping())
        await asyncio.sleep(0.02)


async def _heard(plain: Redis, noisy: Redis) -> list[int]:
    """What comes of the messages, until one that was sent after them comes."""
    heard: list[int] = []
    async with noisy.pubsub(ignore_subscribe_messages=True) as subscription:
        await subscription.subscribe("noise")
        while not await plain.publish("noise", 0):
            await asyncio.sleep(0.02)
        for number in range(MESSAGES):
            await plain.publish("noise", number)
        while True:
            message = await subscription.get_message(timeout=0.1)
            number = MESSAGES if message is None else int(message["data"])
            if number < MESSAGES:
                heard.append(number)
            elif message is not None:
                return heard
            else:
                await plain.publish("noise", MESSAGES)

"""The publisher to Redis Streams on real servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import orjson
from redis.asyncio import Redis

from api.webhooks.messages import stream_entry
from domain.kernel import RecordedEvent
from subscriptions.consumers.group import ConsumerDefinition
from subscriptions.publishing.event_selection import EventSelection
from subscriptions.publishing.redis_streams import RedisStream, redis_stream_consumer
from tests.helpers.notes import Scored, Written
from tests.helpers.servers import Servers
from tests.helpers.webhook_rig import PATIENCE, open_webhook_rig

GROUP, READER = "billing", "billing-1"


def to_entry(event: RecordedEvent) -> Mapping[str, bytes]:
    return stream_entry(event, lambda each: f"sealed {each.position}", personal=False)


@asynccontextmanager
async def stream_in(
    redis_url: str, key: str, max_length: int | None = None, **selected: Any
) -> AsyncIterator[dict[str, ConsumerDefinition]]:
    """The consumer of a stream that begins with the log."""
    stream = RedisStream(redis_url, key, max_length)
    selection = EventSelection(**selected)
    yield dict([redis_stream_consumer("notes", stream, selection, to_entry, starts_at_head=False)])
    await stream.close()


async def until_length(redis: Redis, key: str, length: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while await redis.xlen(key) < length:
            await asyncio.sleep(0.01)


async def test_a_consumer_group_reads_the_selected_events_in_order(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """Each as a CloudEvent, with fields for filters beside it."""
    key = f"nerve:{database}"
    async with (
        Redis.from_url(redis_url) as redis,
        stream_in(redis_url, key, types=["note.scored"], tenants=["default"]) as streams,
        open_webhook_rig(mongo_url, redis_url, database, streams=streams) as rig,
    ):
        await rig.append("note-0", Written(text="not selected"))
        await rig.append("note-0", tenant="other")
        for _ in range(5):
            await rig.append("note-0", Scored(by=1), Scored(by=2))
        await until_length(redis, key, 10)
        await redis.xgroup_create(key, GROUP, id="0")
        answer: Any = await redis.xreadgroup(GROUP, READER, {key: ">"}, count=100)
        [[_, entries]] = answer
        await redis.delete(key)
    events = [orjson.loads(fields[b"event"]) for _, fields in entries]
    assert [event["streamversion"] for event in events] == list(range(2, 12))
    assert [event["data"]["by"] for event in events] == [1, 2] * 5
    fields = entries[0][1]
    assert fields[b"id"].decode() == events[0]["id"]
    assert {fields[b"type"], fields[b"tenant"], fields[b"stream"]} == {b"note.scored", b"default", b"note-0"}


async def test_a_stream_keeps_about_so_many_entries(mongo_url: str, redis_url: str, database: str) -> None:
    """Redis drops whole nodes of its stream, so that it has some more."""
    key = f"nerve:{database}"
    async with (
        Redis.from_url(redis_url) as redis,
        stream_in(redis_url, key, max_length=100) as streams,
        open_webhook_rig(mongo_url, redis_url, database, streams=streams) as rig,
    ):
        for _ in range(5):
            await rig.append("note-0", *(Scored(by=1) for _ in range(100)))
        async with asyncio.timeout(PATIENCE):
            while (
                int((await redis.xinfo_stream(key))["entries-added"] if await redis.exists(key) else 0) < 500
            ):
                await asyncio.sleep(0.01)
        assert 100 <= await redis.xlen(key) < 300
        await redis.delete(key)


async def test_nothing_is_missing_after_redis_was_killed(
    mongo_url: str, database: str, servers: Servers
) -> None:
    """What was lost with it is not added again, but what comes later is: an entry may come twice."""
    server = servers.redis()
    async with (
        stream_in(server.url, "nerve:notes") as streams,
        open_webhook_rig(mongo_url, server.url, database, streams=streams) as rig,
    ):
        await rig.append("note-0")
        async with Redis.from_url(server.url) as redis:
            await until_length(redis, "nerve:notes", 1)
        server.kill()
        await rig.append("note-0")
        server.start()
        async with Redis.from_url(server.url) as redis, asyncio.timeout(PATIENCE):
            while await last_version(redis, "nerve:notes") != 2:
                await asyncio.sleep(0.01)


async def last_version(redis: Redis, key: str) -> int:
    """Return the version of the event in the last entry of a stream, 0 without entries."""
    entries: Any = await redis.xrevrange(key, count=1)
    return orjson.loads(entries[0][1][b"event"])["streamversion"] if entries else 0

"""Publishing to streams in Redis, for services that read them with consumer groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from redis.asyncio import Redis, RedisCluster

from domain.kernel import Commit, RecordedEvent
from subscriptions.consumers.checkpoints import Checkpoint
from subscriptions.consumers.group import ConsumerDefinition
from subscriptions.feed.redis_clients import open_redis, unavailable_if_down
from subscriptions.publishing.event_selection import EventSelection

TIMEOUT = 5.0
"""Seconds without an answer of Redis after which a batch is added again."""

Fields = Mapping[str, bytes]
"""The fields of an entry."""


class RedisStream:
    """A stream in Redis. With `max_length` Redis drops the oldest entries beyond about so many."""

    def __init__(self, url: str, key: str, max_length: int | None, *, cluster: bool = False) -> None:
        self._redis = open_redis(RedisCluster if cluster else Redis, url, TIMEOUT)
        self._key = key
        self._max_length = max_length

    async def add(self, entries: Sequence[Fields]) -> None:
        """Add entries in their order. Raises Unavailable; some may have been added then."""
        with unavailable_if_down():
            pipeline = self._redis.pipeline(transaction=False)
            for fields in entries:
                pipeline.xadd(self._key, dict(fields), maxlen=self._max_length, approximate=True)
            await pipeline.execute()

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()


class RedisStreamPublisher:
    """Adds the selected events to a stream; the handler of its durable consumer.

    After a failure or a crash events are added again: readers recognise them by their ids. `to_entry` returns
    the fields of an event.
    """

    def __init__(
        self, stream: RedisStream, selection: EventSelection, to_entry: Callable[[RecordedEvent], Fields]
    ) -> None:
        self._stream = stream
        self._selection = selection
        self._to_entry = to_entry

    async def begin(self, checkpoint: Checkpoint) -> None:
        """Nothing is to be prepared."""

    async def handle(self, commits: Sequence[Commit]) -> bool:
        """Add the selected events of a batch. Raises Unavailable."""
        entries = [
            self._to_entry(event)
            for commit in commits
            for event in commit.events
            if self._selection.selects(event)
        ]
        if entries:
            await self._stream.add(entries)
        return bool(entries)


def redis_stream_consumer(
    name: str,
    stream: RedisStream,
    selection: EventSelection,
    to_entry: Callable[[RecordedEvent], Fields],
    *,
    starts_at_head: bool,
) -> tuple[str, ConsumerDefinition]:
    """Return the name and the definition of the durable consumer that fills a stream."""
    return f"redis.{name}", ConsumerDefinition(
        code="",
        make_handler=lambda: RedisStreamPublisher(stream, selection, to_entry),
        starts_at_head=starts_at_head,
    )

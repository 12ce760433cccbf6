"""The Redis channel of one database, which carries wake-ups between processes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from redis import exceptions
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from subscriptions.feed.redis_clients import open_redis, unavailable_if_down
from subscriptions.feed.redis_internals import ping_nodes, refresh_slots

TIMEOUT = 5.0
"""Seconds without an answer of Redis after which the connection counts as lost."""


class Channel(ABC):
    """One end of a channel. After Unavailable, `publish` and `receive` can be called again."""

    @abstractmethod
    async def publish(self, messages: Sequence[str]) -> None:
        """Send these messages in their order. Raises Unavailable."""

    @abstractmethod
    def receive(self) -> AsyncGenerator[bytes | None, None]:
        """Yield each message that is sent from now on. Raises Unavailable.

        None comes first, once no later message will be missed.
        """

    @abstractmethod
    async def ping(self) -> None:
        """Return when Redis has answered. Raises Unavailable."""

    @abstractmethod
    async def close(self) -> None:
        """Close the connections."""


class SingleChannel(Channel):
    """Pub/sub of one Redis server, or of a primary and its replicas."""

    def __init__(self, url: str, name: str, timeout: float = TIMEOUT) -> None:
        options = {"retry": Retry(NoBackoff(), 0), "health_check_interval": timeout}
        self._redis = open_redis(Redis, url, timeout, **options)
        self._name = name
        self._timeout = timeout

    async def publish(self, messages: Sequence[str]) -> None:
        with unavailable_if_down():
            if len(messages) == 1:
                # The usual case, in two thirds of the CPU time that a pipeline takes.
                await self._redis.publish(self._name, messages[0])
                return
            async with self._redis.pipeline(transaction=False) as pipeline:
                for message in messages:
                    pipeline.publish(self._name, message)
                await pipeline.execute()

    async def receive(self) -> AsyncGenerator[bytes | None, None]:
        with unavailable_if_down():
            async with self._redis.pubsub() as subscription:
                await subscription.subscribe(self._name)
                async for message in _messages(subscription.get_message, subscription.ping, self._timeout):
                    yield message

    async def ping(self) -> None:
        await _ping(self._redis)

    async def close(self) -> None:
        await self._redis.aclose()


class ShardedChannel(Channel):
    """Sharded pub/sub (Redis 7.0) of a Redis Cluster: a message goes to one shard, not to every node.

    A subscriber is connected to the node that holds the channel's slot. When that node is gone, or no longer
    holds the slot, the cluster is asked again which node does.
    """

    def __init__(self, url: str, name: str, timeout: float = TIMEOUT) -> None:
        self._cluster = open_redis(RedisCluster, url, timeout, retry=Retry(NoBackoff(), 1))
        self._name = name
        self._timeout = timeout

    async def publish(self, messages: Sequence[str]) -> None:
        with unavailable_if_down():
            for message in messages:
                await self._cluster.spublish(self._name, message)

    async def receive(self) -> AsyncGenerator[bytes | None, None]:
        with unavailable_if_down():
            await refresh_slots(self._cluster)
            async with self._cluster.pubsub() as subscription:
                await subscription.ssubscribe(self._name)
                ping = partial(ping_nodes, subscription)
                async for message in _messages(subscription.get_sharded_message, ping, self._timeout):
                    yield message

    async def ping(self) -> None:
        await _ping(self._cluster)

    async def close(self) -> None:
        await self._cluster.aclose()


async def _messages(
    get: Callable[..., Awaitable[dict[str, Any] | None]],
    ping: Callable[[], Awaitable[Any]],
    within: float,
) -> AsyncGenerator[bytes | None, None]:
    """Yield what `Channel.receive` does; ping a Redis that is silent for `within` seconds, then raise."""
    is_pinged = False
    while True:
        message = await get(timeout=within)
        if message is None and is_pinged:
            raise exceptions.ConnectionError("Redis does not answer")
        is_pinged = message is None
        match message:
            case None:
                await ping()
            case {"type": "subscribe" | "ssubscribe"}:
                yield None
            case {"type": "message" | "smessage", "data": data}:
                yield data
            case {"type": "sunsubscribe"}:
                raise exceptions.ConnectionError("another node of the cluster holds the channel now")


async def _ping(client: Any) -> None:
    with unavailable_if_down():
        await client.ping()

"""The Redis channel of one database: what carries wake-ups between processes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import Any

from redis import exceptions
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from domain.kernel.errors import ConfigurationError

TIMEOUT = 5.0
"""Seconds Redis may take to answer before the connection counts as lost."""

OUT_OF_REACH = (exceptions.RedisError, exceptions.RedisClusterException, OSError)
"""What is raised where Redis does not do what it is asked."""


class Channel(ABC):
    """One end of a channel. `publish` and `receive` raise OUT_OF_REACH, and can then be called again."""

    @abstractmethod
    async def publish(self, messages: Iterable[str]) -> None:
        """Send these messages, in their order."""

    @abstractmethod
    def receive(self) -> AsyncGenerator[bytes | None, None]:
        """What is sent from now on. None comes at first, once nothing that is sent will be missed."""

    @abstractmethod
    async def reachable(self) -> bool:
        """Whether Redis answers."""

    @abstractmethod
    async def close(self) -> None:
        """Leave Redis."""


class SingleChannel(Channel):
    """Pub/sub of one Redis server, or of a primary and its replicas."""

    def __init__(self, url: str, name: str) -> None:
        self._redis = _opened(Redis, url, retry=Retry(NoBackoff(), 0), health_check_interval=TIMEOUT)
        self._name = name

    async def publish(self, messages: Iterable[str]) -> None:
        async with self._redis.pipeline(transaction=False) as pipeline:
            for message in messages:
                pipeline.publish(self._name, message)
            await pipeline.execute()

    async def receive(self) -> AsyncGenerator[bytes | None, None]:
        async with self._redis.pubsub() as subscription:
            await subscription.subscribe(self._name)
            async for message in _messages(subscription.get_message, subscription.ping):
                yield message

    async def reachable(self) -> bool:
        return await _answers(self._redis)

    async def close(self) -> None:
        await self._redis.aclose()


class ShardedChannel(Channel):
    """Sharded pub/sub (Redis 7.0) of a Redis Cluster: a message goes to one shard, not to every node.

    Whoever subscribes is at the node that holds the channel's slot. When that node is gone, or holds the slot
    no more, the cluster is asked again who does.
    """

    def __init__(self, url: str, name: str) -> None:
        self._cluster = _opened(RedisCluster, url, retry=Retry(NoBackoff(), 1))
        self._name = name

    async def publish(self, messages: Iterable[str]) -> None:
        for message in messages:
            await self._cluster.spublish(self._name, message)

    async def receive(self) -> AsyncGenerator[bytes | None, None]:
        await self._look_up()
        async with self._cluster.pubsub() as subscription:
            await subscription.ssubscribe(self._name)

            async def ping() -> None:
                for node in list(subscription.node_pubsub_mapping.values()):
                    await node.ping()

            async for message in _messages(subscription.get_sharded_message, ping):
                yield message

    async def _look_up(self) -> None:
        """Learn which node holds which slots by now."""
        await self._cluster.initialize()
        await self._cluster.nodes_manager.initialize()

    async def reachable(self) -> bool:
        return await _answers(self._cluster)

    async def close(self) -> None:
        await self._cluster.aclose()


async def _messages(
    get: Callable[..., Awaitable[dict[str, Any] | None]], ping: Callable[[], Awaitable[Any]]
) -> AsyncGenerator[bytes | None, None]:
    """What `Channel.receive` tells. A Redis of which `get` gets nothing is asked whether it is there."""
    asked = False
    while True:
        message = await get(timeout=TIMEOUT)
        if message is None and asked:
            raise exceptions.ConnectionError("Redis does not answer")
        asked = message is None
        match message:
            case None:
                await ping()
            case {"type": "subscribe" | "ssubscribe"}:
                yield None
            case {"type": "message" | "smessage", "data": data}:
                yield data
            case {"type": "sunsubscribe"}:
                raise exceptions.ConnectionError("the channel is with another node of the cluster now")


def _opened(client: Any, url: str, **options: Any) -> Any:
    try:
        return client.from_url(url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, **options)
    except ValueError:
        # The driver's message may hold the URL, and with it the password.
        raise ConfigurationError("the Redis URL is not one: expected redis://host:port/") from None


async def _answers(client: Any) -> bool:
    try:
        return bool(await client.ping())
    except OUT_OF_REACH:
        return False

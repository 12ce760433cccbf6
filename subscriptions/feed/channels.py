"""The Redis channel of one database, which carries wake-ups between processes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from redis import exceptions
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from domain.kernel.errors import ConfigurationError, Unavailable
from subscriptions.feed.redis_internals import ping_nodes, refresh_slots

TIMEOUT = 5.0
"""Seconds without an answer of Redis after which the connection counts as lost."""


class Channel(ABC):
    """One end of a channel. After Unavailable, `publish` and `receive` can be called again."""

    @abstractmethod
    async def publish(self, messages: Iterable[str]) -> None:
        """Send these messages in their order. Raises Unavailable."""

    @abstractmethod
    def receive(self) -> AsyncGenerator[bytes | None, None]:
        """Yield each message that is sent from now on. Raises Unavailable.

        None comes first, once no later message will be missed.
        """

    @abstractmethod
    async def reachable(self) -> bool:
        """Return whether Redis answers."""

    @abstractmethod
    async def close(self) -> None:
        """Close the connections."""


class SingleChannel(Channel):
    """Pub/sub of one Redis server, or of a primary and its replicas."""

    def __init__(self, url: str, name: str, timeout: float = TIMEOUT) -> None:
        options = {"retry": Retry(NoBackoff(), 0), "health_check_interval": timeout}
        self._redis = _open(Redis, url, timeout, **options)
        self._name = name
        self._timeout = timeout

    async def publish(self, messages: Iterable[str]) -> None:
        with _unavailable_if_down():
            async with self._redis.pipeline(transaction=False) as pipeline:
                for message in messages:
                    pipeline.publish(self._name, message)
                await pipeline.execute()

    async def receive(self) -> AsyncGenerator[bytes | None, None]:
        with _unavailable_if_down():
            async with self._redis.pubsub() as subscription:
                await subscription.subscribe(self._name)
                async for message in _messages(subscription.get_message, subscription.ping, self._timeout):
                    yield message

    async def reachable(self) -> bool:
        return await _answers(self._redis)

    async def close(self) -> None:
        await self._redis.aclose()


class ShardedChannel(Channel):
    """Sharded pub/sub (Redis 7.0) of a Redis Cluster: a message goes to one shard, not to every node.

    A subscriber is connected to the node that holds the channel's slot. When that node is gone, or no longer
    holds the slot, the cluster is asked again which node does.
    """

    def __init__(self, url: str, name: str, timeout: float = TIMEOUT) -> None:
        self._cluster = _open(RedisCluster, url, timeout, retry=Retry(NoBackoff(), 1))
        self._name = name
        self._timeout = timeout

    async def publish(self, messages: Iterable[str]) -> None:
        with _unavailable_if_down():
            for message in messages:
                await self._cluster.spublish(self._name, message)

    async def receive(self) -> AsyncGenerator[bytes | None, None]:
        with _unavailable_if_down():
            await refresh_slots(self._cluster)
            async with self._cluster.pubsub() as subscription:
                await subscription.ssubscribe(self._name)
                ping = partial(ping_nodes, subscription)
                async for message in _messages(subscription.get_sharded_message, ping, self._timeout):
                    yield message

    async def reachable(self) -> bool:
        return await _answers(self._cluster)

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


@contextmanager
def _unavailable_if_down() -> Iterator[None]:
    """Raise Unavailable for the errors of a Redis that does not do what it is asked."""
    try:
        yield
    except (exceptions.RedisError, exceptions.RedisClusterException, OSError) as error:
        # The driver's message may hold the URL, and with it the password.
        raise Unavailable(f"Redis is out of reach ({type(error).__name__})") from error


def _open(client: Any, url: str, timeout: float, **options: Any) -> Any:
    try:
        return client.from_url(url, socket_timeout=timeout, socket_connect_timeout=timeout, **options)
    except ValueError:
        # The driver's message may hold the URL, and with it the password.
        raise ConfigurationError("the Redis URL is not one: expected redis://host:port/") from None


async def _answers(client: Any) -> bool:
    try:
        with _unavailable_if_down():
            return bool(await client.ping())
    except Unavailable:
        return False

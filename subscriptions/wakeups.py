"""Wake-ups over Redis pub/sub: a hint that something is new, and never more than that.

Every message may be lost, doubled or reordered, and Redis may be down: who listens polls as well, and
takes all it believes from MongoDB. One channel for each database; a message is ``<topic> <position>``.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from domain.kernel.errors import ConfigurationError
from subscriptions.backoff import Backoff

logger = logging.getLogger(__name__)

TIMEOUT = 5.0
"""Seconds Redis may take to answer before the connection counts as lost."""

MAX_DIGITS = 20
"""More than any position has."""


class Listener:
    """What one topic tells: its highest position since the last look."""

    def __init__(self) -> None:
        self._woken = asyncio.Event()
        self._hint = 0

    def notify(self, position: int) -> None:
        """Somebody says that the topic has reached `position`."""
        self._hint = max(self._hint, position)
        self._woken.set()

    def take(self) -> int:
        """The highest position that was told since the last look, 0 for none, without waiting."""
        hint, self._hint = self._hint, 0
        return hint

    async def wait(self, within: float, beyond: int) -> None:
        """Until a position beyond `beyond` is told, messages may have been missed, or `within` seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                hint = 0
                while hint <= beyond:
                    await self._woken.wait()
                    self._woken.clear()
                    # A hint is used once: one that was wrong may cost a look, not a loop.
                    hint = self.take()


class Calls:
    """Any number of tasks, each of which waits to be told of a position of its own.

    `highest` is the highest position that was told so far.
    """

    def __init__(self) -> None:
        self._waiting: set[tuple[int, asyncio.Event]] = set()
        self.highest = 0

    def notify(self, position: int) -> None:
        """Somebody says that the topic has reached `position`."""
        if position < sys.maxsize:
            self.highest = max(self.highest, position)
        for wanted, told in self._waiting:
            if wanted <= position:
                told.set()

    @contextmanager
    def told(self, position: int) -> Iterator[asyncio.Event]:
        """Set each time that the topic is said to have reached `position`, inside the context."""
        waiting = (position, asyncio.Event())
        self._waiting.add(waiting)
        try:
            yield waiting[1]
        finally:
            self._waiting.discard(waiting)


class Wakeups:
    """This process's end of the Redis channel. While Redis is down, announcements are dropped."""

    def __init__(self, redis_url: str, database: str) -> None:
        try:
            self._redis = Redis.from_url(
                redis_url,
                retry=Retry(NoBackoff(), 0),
                socket_timeout=TIMEOUT,
                socket_connect_timeout=TIMEOUT,
                health_check_interval=TIMEOUT,
            )
        except ValueError:
            # The driver's message may hold the URL, and with it the password.
            raise ConfigurationError("the Redis URL is not one: expected redis://host:port/") from None
        self._channel = f"nerve:{database}"
        self._listeners: dict[str, list[Listener | Calls]] = {}
        self._pending: dict[str, int] = {}
        self._ready = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to publish and to listen; returns at once, whether Redis is there or not."""
        loops = {"publish": self._publish, "listen": self._receive}
        self._tasks = [asyncio.create_task(self._keep(name, work)) for name, work in loops.items()]

    async def stop(self) -> None:
        """Leave Redis."""
        running = set(self._tasks)
        while running:
            # Again and again: redis-py loses a cancellation that comes while it connects.
            for task in running:
                task.cancel()
            _, running = await asyncio.wait(running, timeout=0.1)
        await self._redis.aclose()

    async def reachable(self) -> bool:
        """Whether Redis answers."""
        try:
            return bool(await self._redis.ping())
        except (RedisError, OSError):
            return False

    def listen(self, topic: str) -> Listener:
        """A listener to `topic` that lives as long as this object."""
        listener = Listener()
        self._listeners.setdefault(topic, []).append(listener)
        return listener

    def calls(self, topic: str) -> Calls:
        """As `listen`, for tasks that wait each for a position of its own."""
        calls = Calls()
        self._listeners.setdefault(topic, []).append(calls)
        return calls

    def announce(self, topic: str, position: int) -> None:
        """Tell every process, this one too, that `topic` has reached `position`; never blocks or fails."""
        self._deliver(topic, position)
        self._pending[topic] = max(position, self._pending.get(topic, 0))
        self._ready.set()

    def _deliver(self, topic: str, position: int) -> None:
        for listener in self._listeners.get(topic, ()):
            listener.notify(position)

    async def _keep(self, name: str, work: Callable[[Backoff], Awaitable[None]]) -> None:
        backoff = Backoff()
        while True:
            try:
                await work(backoff)
            except (RedisError, OSError) as error:
                if backoff.failures == 0:
                    logger.warning("Redis is out of reach (%s: %s); polling", name, type(error).__name__)
            except Exception:
                logger.exception("cannot %s at Redis; polling", name)
            await asyncio.sleep(backoff.pause())

    async def _publish(self, backoff: Backoff) -> None:
        while True:
            await self._ready.wait()
            self._ready.clear()
            pending, self._pending = self._pending, {}
            async with self._redis.pipeline(transaction=False) as pipeline:
                for topic, position in pending.items():
                    pipeline.publish(self._channel, f"{topic} {position}")
                await pipeline.execute()
            backoff.reset()

    async def _receive(self, backoff: Backoff) -> None:
        async with self._redis.pubsub(ignore_subscribe_messages=True) as subscription:
            await subscription.subscribe(self._channel)
            backoff.reset()
            self._wake_all()
            while True:
                message = await subscription.get_message(timeout=TIMEOUT)
                if message is not None:
                    self._accept(message["data"])

    def _wake_all(self) -> None:
        """After a gap in the connection anything may have been missed."""
        for topic in self._listeners:
            self._deliver(topic, sys.maxsize)

    def _accept(self, message: bytes) -> None:
        """Anybody may write to the channel: what is no message is passed over."""
        topic, _, position = message.rpartition(b" ")
        if position.isdigit() and len(position) < MAX_DIGITS:
            self._deliver(topic.decode(errors="replace"), int(position))

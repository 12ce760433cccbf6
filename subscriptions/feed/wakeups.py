"""Wake-ups over Redis pub/sub: a hint that something is new, and never more than that.

Every message may be lost, doubled or reordered, and Redis may be down: who listens takes all it believes from
MongoDB, and polls it wherever it has heard no *beat* for a poll interval. A worker looks at MongoDB twice in
that time, always, and beats: it tells what it found, whether that is new or not. So one process that looks is
enough, and a message that was lost comes again with the next beat.

One channel for each database; a message is ``<topic> <position>``, or ``beat`` and, for each topic,
``<topic> <position> <edition>``, or ``tell <topic> <text>``: a text for whoever hears that topic.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from contextlib import aclosing

from subscriptions.feed.backoff import Backoff
from subscriptions.feed.channels import OUT_OF_REACH, ShardedChannel, SingleChannel
from subscriptions.feed.listeners import MISSED, PositionWaiters, TopicListener

logger = logging.getLogger(__name__)

MAX_DIGITS = 20
"""More than any position has."""

BEAT = "beat"
"""The first word of a message that tells what somebody found who has looked."""

TELL = "tell"
"""The first word of a message that is a text."""

MAX_TEXTS = 1_000
"""Texts that wait to be sent; while Redis is down, older ones are dropped."""

BEAT_EVERY = 0.5
"""The part of a poll interval after which a worker looks and beats again."""


class Wakeups:
    """This process's end of the Redis channel. While Redis is down, announcements are dropped.

    With `cluster` the URL is that of any node of a Redis Cluster.
    """

    def __init__(self, redis_url: str, database: str, *, cluster: bool = False) -> None:
        kind = ShardedChannel if cluster else SingleChannel
        self._channel = kind(redis_url, f"nerve:{database}")
        self._listeners: dict[str, list[TopicListener | PositionWaiters]] = {}
        self._pending: dict[str, int] = {}
        self._beats: dict[str, tuple[int, int]] = {}
        self._handlers: dict[str, Callable[[str], None]] = {}
        self._texts: deque[str] = deque(maxlen=MAX_TEXTS)
        self._ready = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to publish and to listen; returns at once, whether Redis is there or not."""
        loops = {"publish": self._send, "listen": self._receive}
        self._tasks = [asyncio.create_task(self._keep(name, work)) for name, work in loops.items()]

    async def stop(self) -> None:
        """Leave Redis."""
        running = set(self._tasks)
        while running:
            # Again and again: redis-py loses a cancellation that comes while it connects.
            for task in running:
                task.cancel()
            _, running = await asyncio.wait(running, timeout=0.1)
        await self._channel.close()

    async def reachable(self) -> bool:
        """Whether Redis answers."""
        return await self._channel.reachable()

    def listen(self, topic: str) -> TopicListener:
        """A listener to `topic` that lives as long as this object."""
        listener = TopicListener()
        self._listeners.setdefault(topic, []).append(listener)
        return listener

    def position_waiters(self, topic: str) -> PositionWaiters:
        """As `listen`, for tasks that wait each for a position of its own."""
        calls = PositionWaiters()
        self._listeners.setdefault(topic, []).append(calls)
        return calls

    def subscribe(self, topic: str, handler: Callable[[str], None]) -> None:
        """Have `handler` called with each text that any process, this one too, tells under `topic`."""
        self._handlers[topic] = handler

    def publish(self, topic: str, text: str) -> None:
        """Send a text to every process that Redis reaches, as a hint; never blocks or fails."""
        self._texts.append(f"{TELL} {topic} {text}")
        self._ready.set()

    def announce(self, topic: str, position: int) -> None:
        """Tell every process, this one too, that `topic` has reached `position`; never blocks or fails."""
        self._deliver(topic, position)
        self._pending[topic] = max(position, self._pending.get(topic, 0))
        self._ready.set()

    def beat(self, topic: str, position: int, edition: int = 0) -> None:
        """As `announce`, from who has just looked: the topic is at `position`, in this `edition`."""
        self._deliver_beat(topic, position, edition)
        self._beats[topic] = (position, edition)
        self._ready.set()

    def _deliver_beat(self, topic: str, position: int, edition: int) -> None:
        for listener in self._listeners.get(topic, ()):
            listener.beat(position, edition)

    def _deliver(self, topic: str, position: int) -> None:
        for listener in self._listeners.get(topic, ()):
            listener.notify(position)

    async def _keep(self, name: str, work: Callable[[Backoff], Awaitable[None]]) -> None:
        backoff = Backoff()
        while True:
            try:
                await work(backoff)
            except OUT_OF_REACH as error:
                if backoff.failures == 0:
                    logger.warning("Redis is out of reach (%s: %s); polling", name, type(error).__name__)
            except Exception:
                logger.exception("cannot %s at Redis; polling", name)
            await asyncio.sleep(backoff.pause())

    async def _send(self, backoff: Backoff) -> None:
        # What was looked at before Redis went away is no news of now.
        self._beats.clear()
        while True:
            await self._ready.wait()
            self._ready.clear()
            await self._channel.publish(self._messages())
            backoff.reset()

    def _messages(self) -> Iterable[str]:
        """What is to be told, which is then no more to be told."""
        pending, self._pending = self._pending, {}
        beats, self._beats = self._beats, {}
        texts = list(self._texts)
        self._texts.clear()
        yield from texts
        yield from (f"{topic} {position}" for topic, position in pending.items())
        if beats:
            told = (f"{topic} {position} {edition}" for topic, (position, edition) in beats.items())
            yield " ".join([BEAT, *told])

    async def _receive(self, backoff: Backoff) -> None:
        async with aclosing(self._channel.receive()) as messages:
            async for message in messages:
                if message is None:
                    backoff.reset()
                    self._wake_all()
                else:
                    self._accept(message)

    def _wake_all(self) -> None:
        """After a gap in the connection anything may have been missed."""
        for topic in self._listeners:
            self._deliver(topic, MISSED)

    def _accept(self, message: bytes) -> None:
        """Anybody may write to the channel: what is no message is passed over."""
        text = message.decode(errors="replace")
        words = text.split(" ")
        if words[0] == TELL and len(words) > 2 and words[1] in self._handlers:
            self._handlers[words[1]](text.split(" ", 2)[2])
        elif len(words) == 2 and _is_number(words[1]):
            self._deliver(words[0], int(words[1]))
        elif words[0] == BEAT:
            for topic, position, edition in zip(words[1::3], words[2::3], words[3::3], strict=False):
                if _is_number(position) and _is_number(edition):
                    self._deliver_beat(topic, int(position), int(edition))


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) < MAX_DIGITS

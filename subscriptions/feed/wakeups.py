"""Wake-ups over Redis pub/sub: a hint that something is new, and never more than that.

Every message may be lost, doubled or reordered, and Redis may be down. So a listener reads all that it
believes from MongoDB, and polls MongoDB whenever it has received no *beat* for a poll interval. A worker
always looks at MongoDB twice in that time and sends a beat with what it has read, new or not. So one process
that looks is enough, and the next beat replaces a message that was lost.

Each database has one channel. A message is ``<topic> <position>`` for each topic that has something new; or
``beat`` and, for each topic, ``<topic> <position> <edition>``; or ``text <topic> <text>``: a text for the
subscriber of that topic. What a process announces in one turn of its event loop is one message: each message
costs every process, and consumers of one log often save at the same time.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from contextlib import aclosing, suppress
from functools import partial

from domain.kernel.errors import ConfigurationError, Unavailable, UntrustedCertificate
from subscriptions.feed.background import BackgroundLoop, Backoff
from subscriptions.feed.channels import ShardedChannel, SingleChannel
from subscriptions.feed.position_waiters import RECHECK, PositionWaiters, TopicListener

logger = logging.getLogger(__name__)

MAX_DIGITS = 20
"""More digits than any position has."""

BEAT = "beat"
"""The first word of a message with what a process has just read."""

TEXT = "text"
"""The first word of a message that is a text."""

MAX_TEXTS = 1_000
"""Most texts that wait to be sent; while Redis is down, older ones are dropped."""

STOP_WITHIN = 1.0
"""Longest time in seconds that `Wakeups.stop` spends on messages that are not sent yet."""

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
        self._positions: dict[str, int] = {}
        self._beats: dict[str, tuple[int, int]] = {}
        self._handlers: dict[str, Callable[[str], None]] = {}
        self._beat_handlers: list[Callable[[str, int], None]] = []
        self._texts: deque[str] = deque(maxlen=MAX_TEXTS)
        self._has_messages = asyncio.Event()
        self._unsent: list[str] = []
        """Messages that were taken to be sent, and that Redis has not confirmed."""
        self._loops = [
            _loop(self._send, "wake-ups are not sent, other processes poll"),
            _loop(self._receive, "wake-ups are not received, this process polls"),
        ]

    async def start(self) -> None:
        """Begin to send and to receive; returns at once, whether Redis is there or not."""
        for loop in self._loops:
            loop.start()

    async def stop(self) -> None:
        """Send what waits to be sent, as far as Redis takes it at once, and leave Redis.

        So a command of a process that ends right after it, such as the CLI's, wakes the others too.
        """
        # redis-py loses a cancellation that comes while it connects.
        await asyncio.gather(*(loop.stop(insist=True) for loop in self._loops))
        with suppress(Unavailable, TimeoutError):
            async with asyncio.timeout(STOP_WITHIN):
                await self._publish()
        await self._channel.close()

    async def reachable(self) -> bool:
        """Return whether Redis answers."""
        try:
            await self._channel.ping()
        except Unavailable:
            return False
        return True

    async def check_certificate(self) -> None:
        """Raise ConfigurationError where the certificate of Redis is not trusted; Redis may also be away."""
        try:
            await self._channel.ping()
        except UntrustedCertificate:
            raise ConfigurationError(
                "the certificate of Redis is not signed by an authority that redis_url trusts; name the file "
                "of the authority as ssl_ca_certs in the URL"
            ) from None
        except Unavailable:
            return

    def listen(self, topic: str) -> TopicListener:
        """Return a new listener to `topic` that lives as long as this object."""
        listener = TopicListener()
        self._listeners.setdefault(topic, []).append(listener)
        return listener

    def position_waiters(self, topic: str) -> PositionWaiters:
        """Return a place where tasks wait for positions of `topic`; it lives as long as this object."""
        waiters = PositionWaiters()
        self._listeners.setdefault(topic, []).append(waiters)
        return waiters

    def subscribe(self, topic: str, handler: Callable[[str], None]) -> None:
        """Call `handler` with each text that any process, this one too, publishes under `topic`."""
        self._handlers[topic] = handler

    def on_beat(self, handler: Callable[[str, int], None]) -> None:
        """Call `handler` with the topic and the position of each beat of any process, this one too."""
        self._beat_handlers.append(handler)

    def publish(self, topic: str, text: str) -> None:
        """Send a text to every process that Redis reaches, as a hint; never blocks or fails."""
        self._texts.append(f"{TEXT} {topic} {text}")
        self._has_messages.set()

    def announce(self, topic: str, position: int) -> None:
        """Announce to every process, this one too, that `topic` has reached `position`.

        Never blocks or fails.
        """
        self._notify(topic, position)
        self._positions[topic] = max(position, self._positions.get(topic, 0))
        self._has_messages.set()

    def beat(self, topic: str, position: int, edition: int = 0) -> None:
        """Announce the position and the edition of `topic` as this process has just read them."""
        self._beat(topic, position, edition)
        self._beats[topic] = (position, edition)
        self._has_messages.set()

    def _notify(self, topic: str, position: int) -> None:
        for listener in self._listeners.get(topic, ()):
            listener.notify(position)

    def _beat(self, topic: str, position: int, edition: int) -> None:
        for listener in self._listeners.get(topic, ()):
            listener.beat(position, edition)
        for handler in self._beat_handlers:
            handler(topic, position)

    async def _send(self, backoff: Backoff) -> None:
        # A beat from before an outage says nothing of now.
        self._beats.clear()
        while True:
            await self._has_messages.wait()
            self._has_messages.clear()
            await self._publish()
            backoff.reset()

    async def _publish(self) -> None:
        """Send what waits. It is dropped when Redis fails, and kept when only this call is cancelled."""
        self._unsent += self._take_messages()
        if not self._unsent:
            return
        try:
            await self._channel.publish(self._unsent)
        except Unavailable:
            self._unsent.clear()
            raise
        self._unsent.clear()

    def _take_messages(self) -> Iterable[str]:
        """Yield the messages that wait, each once."""
        positions, self._positions = self._positions, {}
        beats, self._beats = self._beats, {}
        texts = list(self._texts)
        self._texts.clear()
        yield from texts
        if positions:
            yield " ".join(f"{topic} {position}" for topic, position in positions.items())
        if beats:
            words = (f"{topic} {position} {edition}" for topic, (position, edition) in beats.items())
            yield " ".join([BEAT, *words])

    async def _receive(self, backoff: Backoff) -> None:
        async with aclosing(self._channel.receive()) as messages:
            async for message in messages:
                if message is None:
                    backoff.reset()
                    self._wake_all()
                else:
                    self._accept(message)

    def _wake_all(self) -> None:
        """Make all listeners look: any message may have been missed before the connection was there."""
        for topic in self._listeners:
            self._notify(topic, RECHECK)

    def _accept(self, message: bytes) -> None:
        """Deliver a message. Anybody may write to the channel: a text that is no message is ignored."""
        text = message.decode(errors="replace")
        words = text.split(" ")
        if words[0] == TEXT and len(words) > 2 and words[1] in self._handlers:
            self._handlers[words[1]](text.split(" ", 2)[2])
        elif words[0] == BEAT:
            for topic, position, edition in zip(words[1::3], words[2::3], words[3::3], strict=False):
                if _is_number(position) and _is_number(edition):
                    self._beat(topic, int(position), int(edition))
        else:
            for topic, position in zip(words[::2], words[1::2], strict=False):
                if _is_number(position):
                    self._notify(topic, int(position))


def _loop(work: Callable[[Backoff], Awaitable[None]], symptom: str) -> BackgroundLoop:
    """A loop of `work`, which resets the backoff that it gets whenever Redis does what it is asked."""
    backoff = Backoff()
    return BackgroundLoop(partial(work, backoff), symptom, logger, backoff=backoff)


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) < MAX_DIGITS

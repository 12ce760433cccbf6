"""A topic: subscribers with the same query in the same form share one execution and one encoding."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from eventstore.place import Place
from subscriptions.live.broadcast import Broadcast
from subscriptions.live.ports import Backlog, M, Publisher, SubscriberFilter, TopicSource
from subscriptions.live.ring import RingEntry
from subscriptions.live.sinks import Sink
from subscriptions.live.subscriber import Subscriber

logger = logging.getLogger(__name__)

R = TypeVar("R")

MAX_PENDING = 10_000
"""Messages that may wait to be rendered; with more of them the topic's subscribers have lagged."""


class Topic(Generic[M, R]):
    """Renders each message of its source once, and publishes it to its subscribers.

    `open_source` makes the source of this topic. `on_empty` is called when the last subscriber has left.
    """

    __slots__ = (
        "_broadcast", "_max_pending", "_on_close", "_on_empty", "_rendering", "_source", "_subscribers",
    )  # fmt: skip

    def __init__(
        self,
        broadcast: Broadcast[M, R],
        open_source: Callable[[Publisher[M]], TopicSource[M]],
        on_empty: Callable[[Topic[M, R]], None],
        max_pending: int = MAX_PENDING,
    ) -> None:
        self._broadcast = broadcast
        self._subscribers: set[Subscriber[M, R]] = set()
        self._on_empty = on_empty
        self._max_pending = max_pending
        # One bound method for all subscribers: it is kept by each of them.
        self._on_close = self._remove
        self._rendering: asyncio.Task[None] | None = None
        self._source = open_source(self)

    @property
    def erasure(self) -> int:
        """The position of the last known erasure; what was read before it must not be delivered."""
        return self._broadcast.progress.erasure

    def join(self, sink: Sink[R], after: Place | None) -> Subscriber[M, R]:
        """Add a subscriber that begins after this place, or now; nothing is delivered before this returns."""
        stats = self._broadcast.stats
        subscriber = Subscriber(self._broadcast, self.backlog(), sink, after, self._on_close)
        stats.groups += not self._subscribers
        stats.subscriptions += 1
        self._subscribers.add(subscriber)
        return subscriber

    def backlog(self) -> Backlog[M]:
        """Return the backlog of a subscriber that has received nothing, or begins again after a place."""
        return self._source.backlog()

    def publish(self, messages: Sequence[M]) -> None:
        """Deliver the messages to all subscribers that have received everything before them."""
        broadcast = self._broadcast
        try:
            if len(messages) == 1 and broadcast.needs_no_entries:
                rendering = broadcast.publish_result(messages[0])
                if rendering is not None:
                    self._render_later(messages, rendering)
            elif broadcast.has_recipients:
                # Without recipients all subscribers are still to read their backlog, with the messages.
                self._publish_entries(messages)
        except Exception as error:
            self._fail_rendering(error)

    def check_erasure(self) -> None:
        """Drop what was rendered before the last erasure."""
        self._broadcast.check_erasure()

    def narrow(self, filter: SubscriberFilter[M]) -> None:
        """Apply the filter to the subscribers that have begun to receive and have no filter of their own."""
        for subscriber in self._subscribers:
            if subscriber.has_begun and not subscriber.is_filtered:
                subscriber.set_filter(filter)

    def fail(self, error: Exception) -> None:
        """End the streams of the subscribers that have begun to receive."""
        for subscriber in list(self._subscribers):
            if subscriber.has_begun:
                subscriber.fail(error)

    def _publish_entries(self, messages: Sequence[M]) -> None:
        broadcast = self._broadcast
        broadcast.check_erasure()
        if broadcast.pending:
            self._enqueue(messages)
            return
        entries, weight = list[RingEntry[M, R]](), 0
        for index, message in enumerate(messages):
            entry = self._entry(message)
            if not isinstance(entry, RingEntry):
                broadcast.publish(entries)
                self._render_later(messages[index:], entry)
                return
            entries.append(entry)
            weight += entry.weight
            if weight >= broadcast.chunk_weight:
                # A subscriber with enough outstanding pauses now, and the rest does not queue up for it.
                broadcast.publish(entries)
                entries, weight = [], 0
        broadcast.publish(entries)

    def _render_later(self, messages: Sequence[M], entry: Awaitable[RingEntry[M, R]]) -> None:
        """Publish the messages in a task; `entry` is the one of the first message."""
        pending = self._broadcast.pending
        pending.extend(messages)
        self._rendering = asyncio.create_task(self._render_pending(pending, entry))

    def _entry(self, message: M) -> RingEntry[M, R] | Awaitable[RingEntry[M, R]]:
        return self._broadcast.renderer.entry(message, both=self._broadcast.filtered_count > 0)

    def _enqueue(self, messages: Sequence[M]) -> None:
        """Publish these after the pending messages, unless there are too many of them."""
        self._broadcast.pending.extend(messages)
        if len(self._broadcast.pending) > self._max_pending:
            for recipient, place in self._broadcast.drop():
                recipient.on_lagged(place)

    async def _render_pending(
        self, pending: deque[M], entry: Awaitable[RingEntry[M, R]] | RingEntry[M, R]
    ) -> None:
        """Publish the pending messages one after the other, until all of them are published or dropped."""
        broadcast = self._broadcast
        try:
            while True:
                rendered = entry if isinstance(entry, RingEntry) else await entry
                broadcast.check_erasure()
                if pending is not broadcast.pending:
                    return
                pending.popleft()
                broadcast.publish([rendered])
                if not pending:
                    return
                entry = self._entry(pending[0])
        except Exception as error:
            self._fail_rendering(error)

    def _fail_rendering(self, error: Exception) -> None:
        logger.error("a message could not be rendered; the streams of its topic end", exc_info=error)
        for subscriber in list(self._subscribers):
            subscriber.fail(error)

    def _remove(self, subscriber: Subscriber[M, R]) -> None:
        stats = self._broadcast.stats
        self._subscribers.discard(subscriber)
        stats.subscriptions -= 1
        if not self._subscribers:
            stats.groups -= 1
            self._broadcast.pending = deque()
            self._source.close()
            self._on_empty(self)

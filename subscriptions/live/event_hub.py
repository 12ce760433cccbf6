"""Event feeds for subscribers: the events of one tenant that meet a query, each once and in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Hashable, Sequence
from typing import NamedTuple, TypeVar

from domain.kernel import Commit, CommitInfo, RecordedEvent
from eventstore.log import EventLog
from eventstore.place import Place
from eventstore.reading.event_query import EventQuery
from subscriptions.feed.feed import Feed
from subscriptions.live.dispatcher import Dispatcher
from subscriptions.live.event_index import EventIndex
from subscriptions.live.hub import Hub
from subscriptions.live.messages import MAX_LAG, CursorExpired, StatusMessage
from subscriptions.live.ports import BacklogPage, BacklogRead, EndOfStream, LiveStats, Publisher, Renderer
from subscriptions.live.renderer import SharedRenderer
from subscriptions.live.ring import RingLimits
from subscriptions.live.sinks import Sink, Subscription
from subscriptions.live.topic import Topic

PAGE = 200
"""Events of a backlog that are read at once."""

R = TypeVar("R")


class EventMessage(NamedTuple):
    """An event, and the place to resume after it."""

    event: RecordedEvent
    place: Place


EventStreamMessage = EventMessage | StatusMessage


class EventHub:
    """Delivers the log's events to the subscribers of this process.

    A subscriber that falls more than `max_lag` positions behind, after it has caught up, and that the ring
    does not serve any more, receives `Lagged`.
    """

    def __init__(
        self, log: EventLog, feed: Feed, *, max_lag: int = MAX_LAG, limits: RingLimits | None = None
    ) -> None:
        self.dispatcher = Dispatcher(feed, log.high_water_mark)
        self._source = EventSource(log, self.dispatcher)
        self._hub: Hub[Commit, EventMessage] = Hub(
            self.dispatcher, self._source, max_lag=max_lag, limits=limits
        )

    @property
    def stats(self) -> LiveStats:
        """What was counted so far."""
        return self._hub.stats

    def open(
        self,
        tenant: str,
        query: EventQuery,
        after: Place | None,
        sink: Sink[R],
        *,
        key: Hashable,
        renderer: Callable[[], Renderer[EventMessage, R]],
        weigh: Callable[[R], int],
    ) -> Subscription:
        """Deliver the tenant's events that meet the query: those after `after`, `CaughtUp`, then live ones.

        Without `after` the stream begins with the next event. If `after` is beyond the log, the only message
        is `CursorExpired`. Subscribers with equal keys have equal queries and renderers, and share a topic.
        """

        def open_topic() -> Topic[EventMessage, R]:
            shared = SharedRenderer(renderer(), self.stats, weigh)
            return self._hub.topic(lambda topic: self._source.open(tenant, query, topic), shared)

        return self._hub.subscribe(key, open_topic, sink, after)

    def watch(
        self, tenant: str, query: EventQuery, after: Place | None = None
    ) -> AsyncGenerator[EventStreamMessage, None]:
        """Yield the same messages to a consumer in this process. Raises Unavailable."""
        return self._hub.iterate(lambda topic: self._source.open(tenant, query, topic), after)


class EventSource:
    """The log as a source: turns commits into messages for the topics whose queries they meet."""

    def __init__(self, log: EventLog, dispatcher: Dispatcher[Commit]) -> None:
        self._log = log
        self._dispatcher = dispatcher
        self._index: EventIndex[_EventTopicSource] = EventIndex()
        self._head: asyncio.Task[int] | None = None

    def open(self, tenant: str, query: EventQuery, topic: Publisher[EventMessage]) -> _EventTopicSource:
        """Publish to the topic from now on."""
        return _EventTopicSource(self, tenant, query, topic)

    def publish(self, commits: Sequence[Commit]) -> None:
        batches: dict[_EventTopicSource, list[EventMessage]] = {}
        for commit in commits:
            messages: list[EventMessage] = []
            for source in self._index.find(commit):
                messages = messages or [_message(event) for event in commit.events]
                if matches := source.matches(commit.info, messages):
                    batches.setdefault(source, []).extend(matches)
        for source, batch in batches.items():
            source.topic.publish(batch)

    def add(self, source: _EventTopicSource) -> None:
        """Publish to the source's topic from now on."""
        self._index.add(source, source.tenant, source.query)

    def remove(self, source: _EventTopicSource) -> None:
        """Publish nothing more to the source's topic."""
        self._index.remove(source, source.tenant, source.query)

    async def prepare(self, after: Place | None) -> None:
        """Wait until all topics have published what the log contains now.

        Raises EndOfStream if `after` is beyond the log.
        """
        head = await self._read_head()
        if after is not None and after.position > head:
            if after.position > await self._log.head():
                raise EndOfStream(CursorExpired(Place(head)))
            head = after.position
        await self._dispatcher.reach(head)

    async def search(self, tenant: str, query: EventQuery, after: int, upto: int) -> list[EventMessage]:
        """Return the next page of events between two positions."""
        events = await self._log.search(tenant, query, after, PAGE, before=upto + 1)
        return list(map(_message, events))

    async def _read_head(self) -> int:
        """Return the head, read after this call; calls at the same time share one read."""
        if self._head is None:
            self._head = asyncio.create_task(self._settled())
        return await asyncio.shield(self._head)

    async def _settled(self) -> int:
        self._head = None
        return await self._log.high_water_mark()


class _EventTopicSource:
    """The source of one topic, and the backlog of each subscriber, which depends on the place alone."""

    def __init__(
        self, source: EventSource, tenant: str, query: EventQuery, topic: Publisher[EventMessage]
    ) -> None:
        self._source = source
        self.tenant = tenant
        self.query = query
        self.topic = topic
        source.add(self)

    def backlog(self) -> _EventTopicSource:
        return self

    def close(self) -> None:
        self._source.remove(self)

    async def prepare(self, after: Place | None, *, caught_up: bool) -> None:
        await self._source.prepare(after)

    def read(self, after: Place | None, upto: int, *, caught_up: bool) -> BacklogRead[EventMessage]:
        return BacklogRead(self._pages(after, upto))

    def matches(self, info: CommitInfo | None, messages: Sequence[EventMessage]) -> Sequence[EventMessage]:
        """Return the messages of a commit that meet the query."""
        query = self.query
        if info is None or not query.covers(info):
            return ()
        return messages if query.types is None else [one for one in messages if query.wants(one.event)]

    async def _pages(self, after: Place | None, upto: int) -> AsyncGenerator[BacklogPage[EventMessage], None]:
        if after is None or after >= Place(upto):
            return
        position = after.position - 1
        while True:
            page = await self._source.search(self.tenant, self.query, position, upto)
            is_last = len(page) < PAGE
            if messages := [message for message in page if message.place > after]:
                yield BacklogPage(messages, last=is_last)
            if is_last:
                return
            position = page[-1].event.position


def _message(event: RecordedEvent) -> EventMessage:
    return EventMessage(event, Place(event.position, event.place))

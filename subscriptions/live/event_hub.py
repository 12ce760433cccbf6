"""Event feeds for subscribers: the events of one tenant that meet a query, each once and in order."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Hashable, Sequence
from functools import partial
from typing import NamedTuple, TypeVar

from domain.kernel import Commit, CommitInfo, RecordedEvent
from eventstore.log import EventLog
from eventstore.place import Place
from eventstore.reading.event_query import EventQuery
from subscriptions.feed.feed import Feed
from subscriptions.feed.spaced_read import SpacedRead
from subscriptions.live.dispatcher import Dispatcher
from subscriptions.live.event_index import EventIndex
from subscriptions.live.hub import Hub
from subscriptions.live.messages import MAX_LAG, CursorExpired, StatusMessage
from subscriptions.live.ports import (
    BacklogPage,
    BacklogRead,
    EndOfStream,
    LiveStats,
    Publisher,
    Renderer,
    WrapSource,
    keep_source,
)
from subscriptions.live.renderer import SharedRenderer
from subscriptions.live.ring import RingLimits
from subscriptions.live.sinks import Sink, Subscription
from subscriptions.live.topic import Topic

PAGE = 200
"""Events of a backlog that are read at once."""

HEAD_INTERVAL = 0.02
"""Seconds between two reads of the log's end. New subscribers that come in between share the next one."""

R = TypeVar("R")


class EventMessage(NamedTuple):
    """An event, and the place to resume after it."""

    event: RecordedEvent
    place: Place


EventStreamMessage = EventMessage | StatusMessage


class EventHub:
    """Delivers the log's events to the subscribers of this process; as a source, it publishes commits.

    A subscriber that falls more than `max_lag` positions behind, after it has caught up, and that the ring
    does not serve any more, receives `Lagged`. The log is followed for `linger` seconds after the last
    subscriber has left. `wrap_source` may put another source in the place of the hub.
    """

    def __init__(
        self,
        log: EventLog,
        feed: Feed,
        *,
        max_lag: int = MAX_LAG,
        limits: RingLimits | None = None,
        linger: float = 0.0,
        wrap_source: WrapSource = keep_source,
    ) -> None:
        self.log = log
        self.dispatcher: Dispatcher[Commit] = Dispatcher(feed, log.high_water_mark, linger)
        self._index: EventIndex[_EqualQueries] = EventIndex()
        self._equal_queries: dict[Hashable, _EqualQueries] = {}
        self._hub: Hub[Commit, EventMessage] = Hub(
            self.dispatcher, wrap_source("log", self), max_lag=max_lag, limits=limits
        )
        self._head = SpacedRead(log.high_water_mark, HEAD_INTERVAL)

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
            return self._hub.topic(partial(EventTopicSource, self, tenant, query), shared)

        return self._hub.subscribe(key, open_topic, sink, after)

    def watch(
        self, tenant: str, query: EventQuery, after: Place | None = None
    ) -> AsyncGenerator[EventStreamMessage, None]:
        """Yield the same messages to a consumer in this process. Raises Unavailable."""
        return self._hub.iterate(partial(EventTopicSource, self, tenant, query), after)

    def add(self, source: EventTopicSource) -> None:
        """Publish to the source's topic from now on."""
        key = source.query_key
        equal = self._equal_queries.get(key)
        if equal is None:
            equal = self._equal_queries[key] = _EqualQueries(source.tenant, source.query)
            self._index.add(equal, equal.tenant, equal.query)
        equal.topics[source] = source.topic

    def remove(self, source: EventTopicSource) -> None:
        """Publish nothing more to the source's topic."""
        equal = self._equal_queries[source.query_key]
        del equal.topics[source]
        if not equal.topics:
            del self._equal_queries[source.query_key]
            self._index.remove(equal, equal.tenant, equal.query)

    def publish(self, commits: Sequence[Commit]) -> None:
        """Publish the events of the commits to the topics whose queries they meet."""
        batches: dict[_EqualQueries, list[EventMessage]] = {}
        for commit in commits:
            messages: list[EventMessage] = []
            for equal in self._index.find(commit):
                messages = messages or [_message(event) for event in commit.events]
                if matches := equal.matches(commit.info, messages):
                    batches.setdefault(equal, []).extend(matches)
        for equal, batch in batches.items():
            for topic in list(equal.topics.values()):
                topic.publish(batch)

    async def read_head(self) -> int:
        """Return the log's high-water mark, read after this call."""
        return await self._head.get()


class _EqualQueries:
    """The topics of one tenant whose queries are equal: a commit is compared once with all of them."""

    def __init__(self, tenant: str, query: EventQuery) -> None:
        self.tenant = tenant
        self.query = query
        self._selects_in_commits = query.selects_in_commits
        self.topics: dict[EventTopicSource, Publisher[EventMessage]] = {}

    def matches(self, info: CommitInfo | None, messages: Sequence[EventMessage]) -> Sequence[EventMessage]:
        """Return the messages of a commit that meet the query."""
        query = self.query
        if info is None or not query.covers(info):
            return ()
        if not self._selects_in_commits:
            return messages
        return [message for message in messages if query.wants(message.event)]


class EventTopicSource:
    """Serves one topic of an `EventHub`.

    It is also the backlog of each subscriber, because a backlog of events depends on the place alone.
    """

    __slots__ = ("_hub", "query", "query_key", "tenant", "topic")

    def __init__(self, hub: EventHub, tenant: str, query: EventQuery, topic: Publisher[EventMessage]) -> None:
        self._hub = hub
        self.query_key = tenant, query.key
        self.tenant = tenant
        self.query = query
        self.topic = topic
        hub.add(self)

    def backlog(self) -> EventTopicSource:
        return self

    def close(self) -> None:
        self._hub.remove(self)

    async def prepare(self, after: Place | None, *, caught_up: bool) -> None:
        """Wait until everything that the log contains now is published."""
        hub = self._hub
        head = await hub.read_head()
        if after is not None and after.position > head:
            if after.position > await hub.log.head():
                raise EndOfStream(CursorExpired(Place(head)))
            head = after.position
        await hub.dispatcher.reach(head)

    def read(self, after: Place | None, upto: int, *, caught_up: bool) -> BacklogRead[EventMessage]:
        return BacklogRead(self._pages(after, upto))

    async def _pages(self, after: Place | None, upto: int) -> AsyncGenerator[BacklogPage[EventMessage], None]:
        if after is None or after >= Place(upto):
            return
        position = after.position - 1
        while True:
            events = await self._hub.log.search(self.tenant, self.query, position, PAGE, before=upto + 1)
            is_last = len(events) < PAGE
            if messages := [message for message in map(_message, events) if message.place > after]:
                yield BacklogPage(messages, last=is_last)
            if is_last:
                return
            position = events[-1].position


def _message(event: RecordedEvent) -> EventMessage:
    return EventMessage(event, Place(event.position, event.place))

"""Event feeds for subscribers: the events one tenant asked for, each once and in order."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Hashable, Sequence
from typing import Any, NamedTuple, TypeVar

from domain.kernel import Commit, CommitInfo, RecordedEvent
from eventstore.log import EventLog
from eventstore.reading.event_query import EventQuery
from subscriptions.feed.feed import Feed
from subscriptions.live.dispatcher import Dispatcher
from subscriptions.live.event_index import EventIndex
from subscriptions.live.iterator import IteratorSink, pull
from subscriptions.live.messages import MAX_LAG, CursorExpired, Place, StatusMessage
from subscriptions.live.ports import BacklogPage, EndOfStream, LiveStats, Renderer
from subscriptions.live.ring import RingLimits
from subscriptions.live.sinks import Sink, Subscription
from subscriptions.live.subscriber import Subscriber
from subscriptions.live.topic import Topic

PAGE = 200
"""Events read at once while catching up."""

R = TypeVar("R")


class EventMessage(NamedTuple):
    """An event, and the place to resume after it."""

    event: RecordedEvent
    place: Place


EventStreamMessage = EventMessage | StatusMessage


class EventHub:
    """Tells all subscribers of this process what happens.

    Who falls more than `max_lag` positions behind, once live, and is no longer in the ring, is told `Lagged`.
    """

    def __init__(
        self, log: EventLog, feed: Feed, *, max_lag: int = MAX_LAG, limits: RingLimits | None = None
    ) -> None:
        self.log = log
        self.feed = feed
        self.max_lag = max_lag
        self.stats = LiveStats()
        self.dispatcher = Dispatcher(feed, log.high_water_mark, self._tell)
        self._limits = limits or RingLimits()
        self._index: EventIndex[EventTopicSource] = EventIndex()
        self._groups: dict[Hashable, Topic[EventMessage, Any]] = {}
        self._erasure = feed.erasure

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
        """Tell the sink the tenant's events that meet the query: those behind `after`, `CaughtUp`, then live.

        Without `after` it begins with what comes next; with one that is beyond the log it is told
        `CursorExpired`, and that is all. Who gives the same `key` asks for the same in the same form.
        """
        found = self._groups.get(key)
        if found is None:
            found = self._groups[key] = self._group(
                tenant, query, renderer(), weigh, lambda: self._groups.pop(key)
            )
        return found.join(sink, after)

    def watch(
        self, tenant: str, query: EventQuery, after: Place | None = None
    ) -> AsyncGenerator[EventStreamMessage, None]:
        """The same, for those inside the process. Raises Unavailable where MongoDB cannot be read."""

        def found(puller: IteratorSink[EventMessage]) -> Topic[EventMessage, EventStreamMessage]:
            return self._group(tenant, query, puller, lambda _message: 0, lambda: None)

        return pull(found, after)

    def _group(
        self,
        tenant: str,
        query: EventQuery,
        renderer: Renderer[EventMessage, R],
        weigh: Callable[[R], int],
        left: Callable[[], object],
    ) -> Topic[EventMessage, R]:
        asked = EventTopicSource(self, tenant, query, left)
        group = asked.group = Topic(asked, renderer, self.stats, self._limits, weigh=weigh)
        self._index.add(asked, tenant, query)
        self.dispatcher.enter()
        return group

    def forget(self, asked: EventTopicSource) -> None:
        """Nobody asks for this any more."""
        self._index.remove(asked, asked.tenant, asked.query)
        self.dispatcher.leave()

    def _tell(self, commits: Sequence[Commit]) -> None:
        if self.feed.erasure != self._erasure:
            self._erasure = self.feed.erasure
            for asked in self._index.all():
                asked.group.check()
        news: dict[EventTopicSource, list[EventMessage]] = {}
        for commit in commits:
            happened: list[EventMessage] = []
            for asked in self._index.find(commit):
                happened = happened or [_happened(event) for event in commit.events]
                if wanted := asked.wanted(commit.info, happened):
                    news.setdefault(asked, []).extend(wanted)
        for asked, messages in news.items():
            asked.group.tell(messages)


class EventTopicSource:
    """What one group asked for: its origin."""

    group: Topic[EventMessage, Any]

    def __init__(self, hub: EventHub, tenant: str, query: EventQuery, left: Callable[[], object]) -> None:
        self._hub = hub
        self._left = left
        self.tenant = tenant
        self.query = query

    @property
    def position(self) -> int:
        return self._hub.dispatcher.position

    @property
    def erasure(self) -> int:
        return self._hub.feed.erasure

    @property
    def max_lag(self) -> int:
        return self._hub.max_lag

    def left(self) -> None:
        self._hub.forget(self)
        self._left()

    async def ready(self, member: Subscriber[EventMessage, Any]) -> None:
        """What is there before somebody subscribes is not news: nobody begins before it."""
        hub, place = self._hub, member.place
        head = await hub.dispatcher.head()
        if place is not None and place.position > head:
            if place.position > await hub.log.head():
                raise EndOfStream(CursorExpired(Place(head)))
            head = place.position
        await hub.dispatcher.reach(head)

    async def catch_up(
        self, member: Subscriber[EventMessage, Any], upto: int
    ) -> AsyncGenerator[BacklogPage[EventMessage], None]:
        """The events behind the member's place."""
        after = member.place
        if after is None or after >= Place(upto):
            return
        position = after.position - 1
        while True:
            events = await self._hub.log.search(self.tenant, self.query, position, PAGE, before=upto + 1)
            if happened := [one for one in map(_happened, events) if one.place > after]:
                yield BacklogPage(happened, last=len(events) < PAGE)
            if len(events) < PAGE:
                return
            position = events[-1].position

    def wanted(self, info: CommitInfo | None, happened: Sequence[EventMessage]) -> Sequence[EventMessage]:
        """What of a commit's events is asked for."""
        query = self.query
        if info is None or not query.covers(info):
            return ()
        return happened if query.types is None else [one for one in happened if query.wants(one.event)]


def _happened(event: RecordedEvent) -> EventMessage:
    return EventMessage(event, Place(event.position, event.place))

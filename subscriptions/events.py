"""Event feeds for subscribers: the events one tenant asked for, each once and in order."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from typing import NamedTuple

from domain.kernel import Commit, CommitInfo, RecordedEvent
from eventstore.log import EventLog
from eventstore.reading.query import EventQuery
from subscriptions.feed import Feed
from subscriptions.messages import MAX_LAG, CaughtUp, Lagged, Place

PAGE = 200
"""Events read at once while catching up."""


class Happened(NamedTuple):
    """An event, and the place to resume after it."""

    event: RecordedEvent
    place: Place


EventMessage = Happened | CaughtUp | Lagged


async def watch_events(
    log: EventLog,
    feed: Feed,
    tenant: str,
    query: EventQuery,
    after: Place | None = None,
    *,
    max_lag: int = MAX_LAG,
) -> AsyncGenerator[EventMessage, None]:
    """The tenant's events that meet the query: those behind `after`, then `CaughtUp`, then live.

    Without `after` it begins with what comes next. Who falls more than `max_lag` positions behind, once live,
    is told `Lagged`, and the stream ends. Raises Unavailable where MongoDB cannot be read.
    """
    teller = _Teller(log, feed, tenant, query)
    start = await log.settled()
    if after is not None and after.position <= start:
        async for happened in teller.history(after, start):
            yield happened
    elif after is not None:
        start = after.position - 1
    live = False
    async with aclosing(feed.follow(start)) as batches:
        async for batch in batches:
            for happened in _wanted(batch.items, tenant, query, after):
                yield await teller.current(happened, batch.erasure)
            if batch.caught_up and not live:
                live = True
                yield CaughtUp(Place(batch.position))
            if live and feed.reached - batch.position > max_lag:
                yield Lagged(Place(batch.position))
                return


class _Teller:
    """Tells one subscriber what the log holds by now, however long ago it was read."""

    def __init__(self, log: EventLog, feed: Feed, tenant: str, query: EventQuery) -> None:
        self._log = log
        self._feed = feed
        self._tenant = tenant
        self._query = query

    async def history(self, after: Place, upto: int) -> AsyncGenerator[Happened, None]:
        """The events behind `after`, up to the position `upto`."""
        position = after.position - 1
        with self._feed.live():
            while True:
                erasure = self._feed.erasure
                events = await self._search(position, PAGE, upto)
                for happened in map(_happened, events):
                    if happened.place > after:
                        yield await self.current(happened, erasure)
                if len(events) < PAGE:
                    return
                position = events[-1].position

    async def current(self, happened: Happened, erasure: int) -> Happened:
        """The event as it may be told now: what was read before the feed met an erasure is read again."""
        event = happened.event
        if not event.subjects or self._feed.erasure == erasure:
            return happened
        found = await self._search(event.position - 1, 1, event.position)
        return next(_happened(one) for one in found if one.place == event.place)

    async def _search(self, after: int, limit: int, upto: int) -> list[RecordedEvent]:
        return await self._log.search(self._tenant, self._query, after, limit, before=upto + 1)


def _wanted(
    commits: Sequence[Commit], tenant: str, query: EventQuery, after: Place | None
) -> Iterator[Happened]:
    for commit in commits:
        if commit.info is not None and commit.info.tenant == tenant and _meets(commit.info, query):
            for happened in map(_happened, filter(query.wants, commit.events)):
                if after is None or happened.place > after:
                    yield happened


def _meets(info: CommitInfo, query: EventQuery) -> bool:
    """What `EventQuery.to_filter` says of a commit, for one that is at hand."""
    return (
        (query.streams is None or info.stream in query.streams)
        and (query.categories is None or info.category in query.categories)
        and (query.correlation is None or info.correlation == query.correlation)
        and (query.since is None or info.at >= query.since)
        and (query.until is None or info.at < query.until)
    )


def _happened(event: RecordedEvent) -> Happened:
    return Happened(event, Place(event.position, event.place))

"""Event feeds for subscribers: the events one tenant asked for, each once and in order."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from typing import NamedTuple

from domain.kernel import Commit, CommitInfo, RecordedEvent
from eventstore.log import EventLog
from eventstore.query import EventQuery
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
    start = await log.settled()
    if after is not None and after.position <= start:
        async for event in _history(log, tenant, query, after, start):
            yield event
    elif after is not None:
        start = after.position - 1
    live = False
    async with aclosing(feed.follow(start)) as batches:
        async for batch in batches:
            for event in _wanted(batch.items, tenant, query, after):
                yield event
            if batch.caught_up and not live:
                live = True
                yield CaughtUp(Place(batch.position))
            if live and feed.reached - batch.position > max_lag:
                yield Lagged(Place(batch.position))
                return


async def _history(
    log: EventLog, tenant: str, query: EventQuery, after: Place, upto: int
) -> AsyncGenerator[Happened, None]:
    position = after.position - 1
    while events := await log.search(tenant, query, position, PAGE, before=upto + 1):
        for happened in map(_happened, events):
            if happened.place > after:
                yield happened
        position = events[-1].position
        if len(events) < PAGE:
            return


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

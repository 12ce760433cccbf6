"""Replaying a part of the log to a handler."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NamedTuple

from domain.kernel import Commit
from domain.kernel.errors import ValidationFailed
from eventstore.reading.as_of import AsOf, PointResolver
from eventstore.reading.event_query import EventQuery
from eventstore.reading.search import Search

PAGE = 200
"""Commits that are read at once, which is what a replay holds in memory."""


class ReplayProgress(NamedTuple):
    """Positions done of those in the range, and done in a second."""

    done: int
    total: int
    rate: float


class Replay:
    """The commits of a tenant in a range of positions that meet a query: in order, each once and whole.

    A commit meets a query for types with one event of them, and comes with its others too: the query's
    `wants` tells them apart. All positions of the range are settled, so two replays of it are the same.
    Whoever stops in between goes on with a replay of the positions behind `position`.
    """

    def __init__(self, search: Search, tenant: str, query: EventQuery, first: int, last: int) -> None:
        self._search = search
        self._tenant = tenant
        self._query = query
        self._first = first
        self._last = last
        self._begun = time.monotonic()
        self.position = first - 1
        """All up to this position has been handed out, and done with."""

    @property
    def progress(self) -> ReplayProgress:
        done, seconds = self.position - self._first + 1, time.monotonic() - self._begun
        return ReplayProgress(done, self._last - self._first + 1, done / seconds if seconds else 0.0)

    async def __aiter__(self) -> AsyncIterator[Commit]:
        while self.position < self._last:
            page = await self._search.commits(self._tenant, self._query, self.position, PAGE, self._last)
            for commit in page:
                yield commit
                self.position = commit.position
            if len(page) < PAGE:
                self.position = self._last

    async def to(self, handler: Callable[[Commit], Awaitable[None]]) -> None:
        """Hand over one commit after another; what the handler raises ends the replay."""
        async for commit in self:
            await handler(commit)


async def replay_range(
    moments: PointResolver, tenant: str, since: AsOf | None, until: AsOf | None
) -> tuple[int, int]:
    """The first and the last position from `since` on and before `until`: the beginning, and what is settled.

    Raises ValidationFailed where `since` is after `until`.
    """
    first = 1 if since is None else await _before(moments, tenant, since) + 1
    head = await moments.high_water_mark()
    last = head if until is None else min(head, await _before(moments, tenant, until))
    if since is not None and until is not None and _is_after(since, until, first, last):
        raise ValidationFailed("since is after until; nothing lies between them")
    return first, max(last, first - 1)


async def _before(moments: PointResolver, tenant: str, point: AsOf) -> int:
    """The last position before a point, settled or, by its number, to come."""
    if point.position is not None:
        return max(point.position, 1) - 1
    assert point.time is not None
    return await moments.before(tenant, point.time)


def _is_after(since: AsOf, until: AsOf, first: int, last: int) -> bool:
    if since.time is not None and until.time is not None:
        return since.time > until.time
    if since.position is not None and until.position is not None:
        return since.position > until.position
    return first > last + 1

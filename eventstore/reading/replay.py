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


class ReplayProgress(NamedTuple):
    """Positions that are done, all positions of the range, and positions a second."""

    done: int
    total: int
    rate: float


class Replay:
    """The commits of a tenant in a range of positions that match a query: in order, each once and whole.

    A commit matches a query for types if one of its events does, and its other events come with it;
    `EventQuery.wants` distinguishes them. All positions of the range are settled, so two replays are the
    same. To continue an interrupted replay, replay the positions after `position`.
    """

    def __init__(
        self, search: Search, tenant: str, query: EventQuery, first: int, last: int, page: int
    ) -> None:
        self._search = search
        self._tenant = tenant
        self._query = query
        self._first = first
        self._last = last
        self._page = page
        self._begun = time.monotonic()
        self.position = first - 1
        """The last position that is done."""

    @property
    def progress(self) -> ReplayProgress:
        done, seconds = self.position - self._first + 1, time.monotonic() - self._begun
        return ReplayProgress(done, self._last - self._first + 1, done / seconds if seconds else 0.0)

    async def __aiter__(self) -> AsyncIterator[Commit]:
        while self.position < self._last:
            page = await self._search.commits(
                self._tenant, self._query, self.position, self._page, self._last
            )
            for commit in page:
                yield commit
                self.position = commit.position
            if len(page) < self._page:
                self.position = self._last

    async def to(self, handler: Callable[[Commit], Awaitable[None]]) -> None:
        """Call the handler with one commit after another; an error that it raises ends the replay."""
        async for commit in self:
            await handler(commit)


async def replay_range(
    resolver: PointResolver, tenant: str, since: AsOf | None, until: AsOf | None
) -> tuple[int, int]:
    """Return the first position from `since` on, and the last before `until`.

    Without them: the beginning of the log, and its high-water mark. Raises ValidationFailed where `since` is
    after `until`.
    """
    first = 1 if since is None else await _before(resolver, tenant, since) + 1
    head = await resolver.high_water_mark()
    last = head if until is None else min(head, await _before(resolver, tenant, until))
    if since is not None and until is not None and _is_after(since, until, first, last):
        raise ValidationFailed("since is after until; nothing lies between them")
    return first, max(last, first - 1)


async def _before(resolver: PointResolver, tenant: str, point: AsOf) -> int:
    """Return the last position before a point; one that is given by its number may be in the future."""
    if point.position is not None:
        return max(point.position, 1) - 1
    assert point.time is not None
    return await resolver.before(tenant, point.time)


def _is_after(since: AsOf, until: AsOf, first: int, last: int) -> bool:
    if since.time is not None and until.time is not None:
        return since.time > until.time
    if since.position is not None and until.position is not None:
        return since.position > until.position
    return first > last + 1

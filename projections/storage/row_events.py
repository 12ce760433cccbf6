"""Reading the events that rows are folded from: their streams, or a scan if rows combine several streams."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any

from domain.kernel import RecordedEvent
from domain.kernel.limit_errors import TooComplex
from eventstore.log import EventLog
from eventstore.reading.event_query import EventQuery
from projections.kernel import View, by_stream


class Budget:
    """The number of events that one request may read."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._left = limit

    def spend(self, count: int) -> None:
        """Subtract `count` events. Raises TooComplex if fewer are left."""
        self.require(count)
        self._left -= count

    def require(self, count: int) -> None:
        """Raise TooComplex if fewer than `count` events are left."""
        if count > self._left:
            raise TooComplex(
                f"this request would read more than {self.limit} events of the log; request another point in "
                "time or a single row, or have max_past_events raised"
            )


class RowEvents:
    """Reads the events that can touch rows of one view. Raises Unavailable if MongoDB does not answer."""

    def __init__(self, view: View[Any], log: EventLog) -> None:
        self._log = log
        self._categories = view.categories
        self._by_stream = view.key is by_stream

    async def of(
        self, tenant: str, ids: Sequence[str] | None, upto: int, budget: Budget | None = None
    ) -> AsyncGenerator[RecordedEvent, None]:
        """Yield all events up to a settled position that can touch these rows, in log order for each row.

        Without `ids`, yields the events of every row.

        Raises TooComplex if there are more events than the budget allows; for a scan before the first read.
        """
        async for page in self._pages(tenant, ids, upto, budget):
            if budget is not None:
                budget.spend(len(page))
            for event in page:
                yield event

    def _pages(
        self, tenant: str, ids: Sequence[str] | None, upto: int, budget: Budget | None
    ) -> AsyncGenerator[Sequence[RecordedEvent], None]:
        if ids is None or not self._by_stream:
            return self._scan(tenant, upto, budget)
        return self._streams(tenant, ids, upto) if len(ids) > 1 else self._stream(tenant, ids[0], upto)

    async def _streams(
        self, tenant: str, ids: Sequence[str], upto: int
    ) -> AsyncGenerator[Sequence[RecordedEvent], None]:
        size, count = self._log.options.search_page, self._log.options.search_streams
        for start in range(0, len(ids), count):
            streams = ids[start : start + count]
            query = EventQuery(streams=streams, categories=self._categories)
            page = await self._log.search(tenant, query, 0, size, before=upto + 1)
            if len(page) < size:
                yield page
                continue
            # No index has several streams in log order: MongoDB would sort all their events for each page.
            for stream in streams:
                async for part in self._stream(tenant, stream, upto):
                    yield part

    async def _stream(
        self, tenant: str, stream: str, upto: int
    ) -> AsyncGenerator[Sequence[RecordedEvent], None]:
        version, beyond, size = 0, False, self._log.options.search_page
        while not beyond and (events := await self._log.stream(tenant, stream, version, size)):
            version, beyond = events[-1].version, events[-1].position > upto
            yield [event for event in events if event.position <= upto and self._is_seen(event)]

    async def _scan(
        self, tenant: str, upto: int, budget: Budget | None
    ) -> AsyncGenerator[Sequence[RecordedEvent], None]:
        query, position = EventQuery(categories=self._categories), 0
        size = self._log.options.search_page
        if budget is not None:
            budget.require(await self._log.count(tenant, query, upto, budget.limit + 1))
        while events := await self._log.search(tenant, query, position, size, before=upto + 1):
            yield events
            position = events[-1].position

    def _is_seen(self, event: RecordedEvent) -> bool:
        """Return whether the view folds the event: an id can name a stream of another context."""
        return event.commit.category in self._categories

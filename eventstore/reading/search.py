"""Searching the log by what its commits and events are about."""

from __future__ import annotations

from domain.kernel import Commit, RecordedEvent
from eventstore.decoder import CommitDecoder
from eventstore.mongo.driver import Collection, Document, unavailable_if_down
from eventstore.reading.event_query import EventQuery
from eventstore.reading.high_water_mark import HighWaterMark
from eventstore.reading.record_times import RecordTimes


class Search:
    """Finds events in settled positions only, so that a page that was read never gets an event later."""

    def __init__(
        self, log: Collection, times: RecordTimes, decoder: CommitDecoder, watermark: HighWaterMark
    ) -> None:
        self._log = log
        self._times = times
        self._decoder = decoder
        self._watermark = watermark

    async def find(
        self,
        tenant: str,
        query: EventQuery,
        after: int,
        limit: int,
        before: int | None,
        *,
        backward: bool = False,
    ) -> list[RecordedEvent]:
        """The first events behind `after` and before `before`, or with `backward` the last ones, in order.

        They are those of whole commits, so there may be more than `limit`.
        """
        upto = await self._watermark.advance()
        if before is not None:
            upto = min(upto, before - 1)
        events: list[RecordedEvent] = []
        for commit in await self.commits(tenant, query, after, limit, upto, backward=backward):
            if len(events) >= limit:
                break
            events += filter(query.wants, reversed(commit.events) if backward else commit.events)
        return events[::-1] if backward else events

    async def commits(
        self, tenant: str, query: EventQuery, after: int, limit: int, upto: int, *, backward: bool = False
    ) -> list[Commit]:
        """The first commits with an event that is wanted, whole, behind `after` and up to settled `upto`.

        With `backward` the last ones, the latest first.
        """
        found: list[Document] = []
        for part in query.by_index():
            found += await self._documents(tenant, part, after, limit, upto, backward=backward)
        found.sort(key=lambda document: document["_id"], reverse=backward)
        return await self._decoder.commits(found[:limit])

    async def _documents(
        self, tenant: str, query: EventQuery, after: int, limit: int, upto: int, *, backward: bool
    ) -> list[Document]:
        after, upto = await self._bounds(tenant, query, after, upto)
        if after >= upto:
            return []
        wanted, order = query.to_filter(tenant, after, upto), [("_id", -1 if backward else 1)]
        with unavailable_if_down():
            return await self._log.find(wanted).sort(order).limit(limit).to_list(None)

    async def event(self, tenant: str, event_id: str) -> RecordedEvent | None:
        """Return the event with this id, None where no settled position has it."""
        upto = await self._watermark.advance()
        # With `stream`, which every commit with events has, the partial index covers the query.
        wanted = {"tenant": tenant, "events.id": event_id, "stream": {"$exists": True}, "_id": {"$lte": upto}}
        with unavailable_if_down():
            document = await self._log.find_one(wanted)
        if document is None:
            return None
        [commit] = await self._decoder.commits([document])
        return next(event for event in commit.events if event.id == event_id)

    async def count(self, tenant: str, query: EventQuery, upto: int, limit: int) -> int:
        """How many commits up to a position have an event that is wanted, as far as `limit`."""
        with unavailable_if_down():
            return await self._log.count_documents(query.to_filter(tenant, 0, upto), limit=limit)

    async def _bounds(self, tenant: str, query: EventQuery, after: int, upto: int) -> tuple[int, int]:
        """The positions between which commits of the wanted record times are: others need not be read."""
        if query.since is not None or query.until is not None:
            await self._times.measure(upto)
        if query.since is not None:
            first = await self._times.first(tenant, query.since, inclusive=True)
            after = upto if first is None else max(after, first - 1)
        if query.until is not None:
            upto = min(upto, await self._times.last(tenant, query.until) or 0)
        return after, upto

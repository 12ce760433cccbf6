"""Searching the log by the fields of commits and events."""

from __future__ import annotations

from collections.abc import Collection as Container

from domain.kernel import Commit, RecordedEvent
from eventstore.decoder import CommitDecoder
from eventstore.mongo.driver import Collection, Document, unavailable_if_down
from eventstore.mongo.log_collections import BY_CATEGORY
from eventstore.mongo.reads import count, find
from eventstore.reading.event_query import EventQuery
from eventstore.reading.high_water_mark import HighWaterMark
from eventstore.reading.record_times import RecordTimes

BY_POSITION = "_id_"
"""The index of the positions."""

TENANTS_AT_ONCE = 1_000
"""Tenants that one query names."""


MAX_SCAN = 1_000
"""Most commits that are read at a time to find events that may be read."""


class Search:
    """Finds events below the high-water mark only, so that no event appears later in a page that was read."""

    def __init__(
        self, log: Collection, times: RecordTimes, decoder: CommitDecoder, high_water_mark: HighWaterMark
    ) -> None:
        self._log = log
        self._times = times
        self._decoder = decoder
        self._high_water_mark = high_water_mark

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
        """Return the first events after `after` and before `before`, or with `backward` the last, in order.

        They are the events of whole commits, so there may be more than `limit`. Fewer than `limit` are all
        that there are.
        """
        upto = await self._high_water_mark.advance()
        if before is not None:
            upto = min(upto, before - 1)
        events: list[RecordedEvent] = []
        size = limit
        while len(events) < limit:
            page = await self.commits(tenant, query, after, size, upto, backward=backward)
            for commit in page:
                if len(events) >= limit:
                    break
                events += filter(query.wants, reversed(commit.events) if backward else commit.events)
            if len(page) < size:
                break
            # Commits whose events the caller may not read can fill a page, and many of them many pages.
            after, upto = (after, page[-1].position - 1) if backward else (page[-1].position, upto)
            size = max(limit, min(2 * size, MAX_SCAN))
        return events[::-1] if backward else events

    async def commits(
        self, tenant: str, query: EventQuery, after: int, limit: int, upto: int, *, backward: bool = False
    ) -> list[Commit]:
        """Return the first commits with a matching event, whole, after `after` and up to the settled `upto`.

        With `backward` the last ones, the latest first.
        """
        documents: list[Document] = []
        for part in query.by_index():
            documents += await self._documents(tenant, part, after, limit, upto, backward=backward)
        documents.sort(key=lambda document: document["_id"], reverse=backward)
        return await self._decoder.commits(documents[:limit])

    async def _documents(
        self, tenant: str, query: EventQuery, after: int, limit: int, upto: int, *, backward: bool
    ) -> list[Document]:
        after, upto = await self._bounds(tenant, query, after, upto)
        if after >= upto:
            return []
        wanted, order = query.to_filter(tenant, after, upto), [("_id", -1 if backward else 1)]
        with unavailable_if_down():
            return await find(self._log, wanted).sort(order).limit(limit).to_list(None)

    async def of_categories(self, categories: Container[str], upto: int) -> list[Commit]:
        """Return the commits of these categories in all tenants, up to a settled position, in order.

        It reads by index, and costs as much as there are tenants and commits of the categories.
        """
        documents: list[Document] = []
        with unavailable_if_down():
            tenants = await self._log.distinct("tenant")
            for start in range(0, len(tenants), TENANTS_AT_ONCE):
                among = {"$in": tenants[start : start + TENANTS_AT_ONCE]}
                wanted = {"tenant": among, "category": {"$in": list(categories)}, "_id": {"$lte": upto}}
                # Without the hint the planner may choose an index that reads all of a tenant.
                documents += await self._log.find(wanted).hint(BY_CATEGORY).to_list(None)
        documents.sort(key=lambda document: document["_id"])
        return await self._decoder.commits(documents)

    async def of_categories_after(self, categories: Container[str], after: int, upto: int) -> list[Commit]:
        """Return the commits of these categories in all tenants after a position, up to a settled one.

        MongoDB reads all commits between the two, and returns only those of the categories.
        """
        wanted = {"_id": {"$gt": after, "$lte": upto}, "category": {"$in": list(categories)}}
        with unavailable_if_down():
            documents = await self._log.find(wanted).sort([("_id", 1)]).hint(BY_POSITION).to_list(None)
        return await self._decoder.commits(documents)

    async def event(self, tenant: str, event_id: str) -> RecordedEvent | None:
        """Return the event with this id, None where no settled position has it."""
        upto = await self._high_water_mark.advance()
        # With `stream`, which every commit with events has, the partial index covers the query.
        wanted = {"tenant": tenant, "events.id": event_id, "stream": {"$exists": True}, "_id": {"$lte": upto}}
        with unavailable_if_down():
            document = await self._log.find_one(wanted)
        if document is None:
            return None
        [commit] = await self._decoder.commits([document])
        return next(event for event in commit.events if event.id == event_id)

    async def count(self, tenant: str, query: EventQuery, upto: int, limit: int) -> int:
        """Return how many commits up to a position have a matching event, at most `limit`."""
        with unavailable_if_down():
            return await count(self._log, query.to_filter(tenant, 0, upto), limit=limit)

    async def _bounds(self, tenant: str, query: EventQuery, after: int, upto: int) -> tuple[int, int]:
        """Narrow the positions to those that the query's record times allow."""
        if query.since is not None or query.until is not None:
            await self._times.measure(upto)
        if query.since is not None:
            first = await self._times.first(tenant, query.since, inclusive=True)
            after = upto if first is None else max(after, first - 1)
        if query.until is not None:
            upto = min(upto, await self._times.last(tenant, query.until) or 0)
        return after, upto

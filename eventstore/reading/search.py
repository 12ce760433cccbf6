"""Searching the log by what its commits and events are about."""

from __future__ import annotations

from datetime import datetime, timedelta

from domain.kernel import Commit, RecordedEvent
from eventstore.decoder import Decoder
from eventstore.driver import Collection, unavailable_if_down
from eventstore.reading.query import EventQuery
from eventstore.reading.watermark import Watermark

CLOCK_SKEW = timedelta(minutes=5)
"""How far the clocks of two writers may be apart before a search by time could miss an event."""


class Search:
    """Finds events in settled positions only, so that a page that was read never gets an event later."""

    def __init__(self, log: Collection, decoder: Decoder, watermark: Watermark) -> None:
        self._log = log
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
        with unavailable_if_down():
            if query.since is not None:
                after = max(after, await self._recorded(tenant, "$lt", query.since - CLOCK_SKEW) or 0)
            if query.until is not None:
                first_later = await self._recorded(tenant, "$gte", query.until + CLOCK_SKEW)
                upto = upto if first_later is None else min(upto, first_later)
            wanted = query.to_filter(tenant, after, upto)
            found = (
                await self._log.find(wanted).sort([("_id", -1 if backward else 1)]).limit(limit).to_list(None)
            )
        return await self._decoder.commits(found)

    async def count(self, tenant: str, query: EventQuery, upto: int, limit: int) -> int:
        """How many commits up to a position have an event that is wanted, as far as `limit`."""
        with unavailable_if_down():
            return await self._log.count_documents(query.to_filter(tenant, 0, upto), limit=limit)

    async def _recorded(self, tenant: str, side: str, time: datetime) -> int | None:
        """The position of the commit recorded nearest to `time` on one side of it.

        The log is in the order of time but for the skew of clocks, so what lies beyond need not be read.
        """
        nearest = [("at", 1 if side == "$gte" else -1)]
        found = await self._log.find_one({"tenant": tenant, "at": {side: time}}, {"_id": 1}, sort=nearest)
        return None if found is None else int(found["_id"])

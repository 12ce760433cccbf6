"""The positions of moments, by the record times of commits.

Record times rise with positions, except in a part of the log that was written before nerve kept that order,
and after a failover that took the counter of positions back. How far they are out of order is measured once,
so that reading by time is exact in either case.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.dispatch.ports import Clock
from eventstore.mongo.driver import Document, unavailable_if_down
from eventstore.mongo.log_collections import BY_MOMENT, CLOCK_SKEW, LogCollections
from eventstore.mongo.reads import aggregate
from eventstore.options import LogOptions

PAGE = 50_000
"""Positions whose times one query compares."""

RESOLUTION = timedelta(milliseconds=1)
"""Of stored times."""

NOTE = {"_id": "times"}

EARLIEST, LATEST = (moment.replace(tzinfo=UTC) for moment in (datetime.min, datetime.max))

COMMITS = {"$exists": True}
"""Filter on `tenant` that matches commits and records of commands, but no tombstones."""


class RecordTimes:
    """Finds positions by the record times of one log.

    `skew` is the largest distance by which a commit's time lies before the time of an earlier position.
    Methods only know the positions that `measure` has read, so call it first. Where the skew is larger than
    wrong clocks explain, times in the future are mistakes and are ignored.

    `measure` keeps a note in the database, which spares a new process the way there. Every method raises
    Unavailable where MongoDB does not answer in time.
    """

    def __init__(self, collections: LogCollections, clock: Clock, options: LogOptions) -> None:
        self._collections = collections
        self._clock = clock
        self._note_every = options.note_every
        self._position = self._noted = 0
        self._latest = EARLIEST
        self._loaded = False
        self._measuring = asyncio.Lock()
        self.skew = timedelta(0)

    @property
    def latest(self) -> datetime:
        """The latest record time, without mistakes."""
        return min(self._latest, self._clock()) if self._has_mistakes else self._latest

    async def measure(self, upto: int) -> None:
        """Read the record times of the commits up to a settled position."""
        if self._position >= upto:
            return
        async with self._measuring:
            with unavailable_if_down():
                if not self._loaded:
                    await self._read_note()
                while self._position < upto:
                    await self._measure_page(min(upto, self._position + PAGE))
                if self._position - self._noted >= self._note_every:
                    await self._write_note()

    async def first(self, tenant: str, after: datetime, *, inclusive: bool = False) -> int | None:
        """Return the tenant's first position recorded after a moment, or at it; None: there is none."""
        log, later = self._collections.log, self._later(after, inclusive=inclusive)
        query: Document = {"tenant": tenant, "at": later, "_id": {"$lte": self._position}}
        with unavailable_if_down():
            nearest = await log.find_one(
                query, {"_id": 1, "at": 1}, sort=[("at", 1), ("_id", 1)], hint=BY_MOMENT
            )
            if nearest is None or not self.skew:
                return None if nearest is None else int(nearest["_id"])
            # An earlier position may have a later time, which is at most `bound`.
            bound = min(add_clamped(nearest["at"], self.skew), later.get("$lte", LATEST))
            query = {"tenant": tenant, "at": {**later, "$lte": bound}, "_id": {"$lt": nearest["_id"]}}
            earlier = await log.find_one(query, {"_id": 1}, sort=[("_id", 1)], hint=BY_MOMENT)
        return int((earlier or nearest)["_id"])

    async def last(self, tenant: str, before: datetime, upto: int | None = None) -> int | None:
        """Return the tenant's last position recorded before a moment; None: there is none.

        With `upto`, of the positions up to that one; it is fast where that one is near the moment.
        """
        end = self._position if upto is None else upto
        log, times = self._collections.log, {"$lt": before}
        query: Document = {"tenant": tenant, "at": times, "_id": {"$lte": end}}
        with unavailable_if_down():
            nearest = await log.find_one(
                query, {"_id": 1, "at": 1}, sort=[("at", -1), ("_id", -1)], hint=BY_MOMENT
            )
            if nearest is None or not self.skew:
                return None if nearest is None else int(nearest["_id"])
            times = {**times, "$gte": add_clamped(nearest["at"], -self.skew)}
            query = {"tenant": tenant, "at": times, "_id": {"$gt": nearest["_id"], "$lte": end}}
            later = await log.find_one(query, {"_id": 1}, sort=[("_id", -1)], hint=BY_MOMENT)
        return int((later or nearest)["_id"])

    async def last_upto(self, tenant: str, time: datetime, upto: int) -> int | None:
        """Return the tenant's last position up to `upto`; None: there is none.

        No time before `upto` may be later than `time`, from which the index leads there.
        """
        bound = LATEST if self._has_mistakes or LATEST - time < RESOLUTION else time + RESOLUTION
        return await self.last(tenant, bound, upto)

    async def recorded_before(self, moment: datetime, upto: int) -> int:
        """Return the last position up to `upto` that, like all before it, was recorded before `moment`.

        0 where there is none. It reads about as many commits as `upto` has binary digits, and those that the
        skew leaves in doubt.
        """
        log, low, high = self._collections.log, 0, upto + 1
        certain = add_clamped(moment, -self.skew)
        with unavailable_if_down():
            while high - low > 1:
                middle = (low + high) // 2
                within = {"_id": {"$gte": middle, "$lt": high}, "tenant": COMMITS}
                commit = await log.find_one(within, {"at": 1}, sort=[("_id", 1)], hint="_id_")
                if commit is not None and commit["at"] < certain:
                    low = commit["_id"]
                else:
                    high = middle
            later = self._later(moment, inclusive=True)
            behind = {"_id": {"$gt": low, "$lte": upto}, "tenant": COMMITS, "at": later}
            first = await log.find_one(behind, {"_id": 1}, sort=[("_id", 1)], hint="_id_")
        return upto if first is None else int(first["_id"]) - 1

    @property
    def _has_mistakes(self) -> bool:
        return self.skew > CLOCK_SKEW

    def _later(self, moment: datetime, *, inclusive: bool) -> dict[str, datetime]:
        later = {"$gte" if inclusive else "$gt": moment}
        return {**later, "$lte": self._clock()} if self._has_mistakes else later

    async def _measure_page(self, end: int) -> None:
        """Compare the times of the positions up to `end`."""
        window = {"$max": "$at", "window": {"documents": ["unbounded", "current"]}}
        stages: list[dict[str, Any]] = [
            {"$match": {"_id": {"$gt": self._position, "$lte": end}, "tenant": COMMITS}},
            {"$sort": {"_id": 1}},
            {"$project": {"at": 1}},
            {"$setWindowFields": {"sortBy": {"_id": 1}, "output": {"latest": window}}},
            {"$set": {"latest": {"$max": ["$latest", self._latest]}}},
            {
                "$group": {
                    "_id": None,
                    "latest": {"$max": "$latest"},
                    "skew": {"$max": {"$subtract": ["$latest", "$at"]}},
                }
            },
        ]
        for group in await aggregate(self._collections.log, stages):
            self._latest = group["latest"]
            self.skew = max(self.skew, timedelta(milliseconds=group["skew"]))
        self._position = end

    async def _read_note(self) -> None:
        note = await self._collections.counters.find_one(NOTE)
        # A restored backup may end before the note.
        if note is not None and note["position"] <= await self._collections.head():
            self._position = self._noted = note["position"]
            self._latest, self.skew = note["latest"], timedelta(milliseconds=note["skew"])
        self._loaded = True

    async def _write_note(self) -> None:
        """Note what was measured, unless another process has come further."""
        position = self._position
        measured = {
            "position": position,
            "latest": self._latest,
            "skew": self.skew // timedelta(milliseconds=1),
        }
        further = {"$lt": [{"$ifNull": ["$position", 0]}, position]}
        change = {name: {"$cond": [further, value, f"${name}"]} for name, value in measured.items()}
        await self._collections.counters.update_one(NOTE, [{"$set": change}], upsert=True)
        self._noted = position


def add_clamped(moment: datetime, by: timedelta) -> datetime:
    """Return `moment + by`, or the first or last moment where that is out of range."""
    try:
        return moment + by
    except OverflowError:
        return LATEST if by > timedelta(0) else EARLIEST

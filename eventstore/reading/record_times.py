"""Where in the log a moment is, by the record times of its commits.

The log is in the order of its times, unless a part of it was written before nerve kept it so, or a failover
took the counter of positions back. How far it is out of order is measured once, so that reading by time is
exact in either case: as of a moment is before the first commit that was recorded later.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.dispatch.ports import Clock
from eventstore.mongo.driver import Document, aggregate, unavailable_if_down
from eventstore.mongo.log_collections import BY_MOMENT, CLOCK_SKEW, LogCollections

PAGE = 50_000
"""Positions whose times are compared by one request to MongoDB."""

KEEP_EVERY = 10_000
"""Positions between two notes of what was measured, which spare a new process the way there."""

RESOLUTION = timedelta(milliseconds=1)
"""Of times, as they are stored."""

NOTE = {"_id": "times"}

EARLIEST, LATEST = (moment.replace(tzinfo=UTC) for moment in (datetime.min, datetime.max))

COMMITS = {"$exists": True}
"""What `tenant` is of commits, and of records of commands; tombstones have none, and times of their own."""


class RecordTimes:
    """The record times of one log.

    `skew` is the most by which a commit's time lies before that of an earlier position, of those that were
    measured. All questions are about positions up to which `measure` has come, so call that first. Where the
    skew is more than clocks explain, a time that is still to come is a mistake, and left aside.

    Every method raises Unavailable where MongoDB does not answer in time.
    """

    def __init__(self, collections: LogCollections, clock: Clock) -> None:
        self._collections = collections
        self._clock = clock
        self._position = self._kept = 0
        self._latest = EARLIEST
        self._loaded = False
        self._measuring = asyncio.Lock()
        self.skew = timedelta(0)

    @property
    def latest(self) -> datetime:
        """The latest record time that is none of the mistakes."""
        return min(self._latest, self._clock()) if self._is_wrong else self._latest

    async def measure(self, upto: int) -> None:
        """Take in the times of the commits up to a settled position."""
        if self._position >= upto:
            return
        async with self._measuring:
            with unavailable_if_down():
                if not self._loaded:
                    await self._load()
                while self._position < upto:
                    await self._step(min(upto, self._position + PAGE))
                if self._position - self._kept >= KEEP_EVERY:
                    await self._keep()

    async def first(self, tenant: str, after: datetime, *, inclusive: bool = False) -> int | None:
        """The first position of the tenant that was recorded after a moment, or at it; None: none is."""
        log, later = self._collections.log, self._later(after, inclusive=inclusive)
        wanted: Document = {"tenant": tenant, "at": later, "_id": {"$lte": self._position}}
        with unavailable_if_down():
            nearest = await log.find_one(
                wanted, {"_id": 1, "at": 1}, sort=[("at", 1), ("_id", 1)], hint=BY_MOMENT
            )
            if nearest is None or not self.skew:
                return None if nearest is None else int(nearest["_id"])
            # One with a later time may be at an earlier position, but not with a later one than this.
            bound = min(add_clamped(nearest["at"], self.skew), later.get("$lte", LATEST))
            wanted = {"tenant": tenant, "at": {**later, "$lte": bound}, "_id": {"$lt": nearest["_id"]}}
            found = await log.find_one(wanted, {"_id": 1}, sort=[("_id", 1)], hint=BY_MOMENT)
        return int((found or nearest)["_id"])

    async def last(self, tenant: str, before: datetime, upto: int | None = None) -> int | None:
        """The last position of the tenant that was recorded before a moment; None: none is.

        With `upto` of those up to that position: best one near the moment.
        """
        end = self._position if upto is None else upto
        log, times = self._collections.log, {"$lt": before}
        wanted: Document = {"tenant": tenant, "at": times, "_id": {"$lte": end}}
        with unavailable_if_down():
            nearest = await log.find_one(
                wanted, {"_id": 1, "at": 1}, sort=[("at", -1), ("_id", -1)], hint=BY_MOMENT
            )
            if nearest is None or not self.skew:
                return None if nearest is None else int(nearest["_id"])
            times = {**times, "$gte": add_clamped(nearest["at"], -self.skew)}
            wanted = {"tenant": tenant, "at": times, "_id": {"$gt": nearest["_id"], "$lte": end}}
            found = await log.find_one(wanted, {"_id": 1}, sort=[("_id", -1)], hint=BY_MOMENT)
        return int((found or nearest)["_id"])

    async def last_upto(self, tenant: str, time: datetime, upto: int) -> int | None:
        """The tenant's last position up to one before which none of its times is later; None: none is.

        Unless some times are mistakes, the index leads there from `time`, and passes by no later commit.
        """
        later = LATEST if self._is_wrong or LATEST - time < RESOLUTION else time + RESOLUTION
        return await self.last(tenant, later, upto)

    async def recorded_before(self, moment: datetime, upto: int) -> int:
        """The last position up to `upto` that, like all before it, was recorded before `moment`; 0: none.

        Reads about as many commits as `upto` has binary digits, and those that the skew leaves in doubt.
        """
        log, low, high = self._collections.log, 0, upto + 1
        clear = add_clamped(moment, -self.skew)
        with unavailable_if_down():
            while high - low > 1:
                middle = (low + high) // 2
                within = {"_id": {"$gte": middle, "$lt": high}, "tenant": COMMITS}
                found = await log.find_one(within, {"at": 1}, sort=[("_id", 1)], hint="_id_")
                if found is not None and found["at"] < clear:
                    low = found["_id"]
                else:
                    high = middle
            later = self._later(moment, inclusive=True)
            behind = {"_id": {"$gt": low, "$lte": upto}, "tenant": COMMITS, "at": later}
            first = await log.find_one(behind, {"_id": 1}, sort=[("_id", 1)], hint="_id_")
        return upto if first is None else int(first["_id"]) - 1

    @property
    def _is_wrong(self) -> bool:
        return self.skew > CLOCK_SKEW

    def _later(self, moment: datetime, *, inclusive: bool) -> dict[str, datetime]:
        later = {"$gte" if inclusive else "$gt": moment}
        return {**later, "$lte": self._clock()} if self._is_wrong else later

    async def _step(self, end: int) -> None:
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
        for found in await aggregate(self._collections.log, stages):
            self._latest = found["latest"]
            self.skew = max(self.skew, timedelta(milliseconds=found["skew"]))
        self._position = end

    async def _load(self) -> None:
        noted = await self._collections.counters.find_one(NOTE)
        # A restored backup may end before.
        if noted is not None and noted["position"] <= await self._collections.head():
            self._position = self._kept = noted["position"]
            self._latest, self.skew = noted["latest"], timedelta(milliseconds=noted["skew"])
        self._loaded = True

    async def _keep(self) -> None:
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
        self._kept = position


def add_clamped(moment: datetime, by: timedelta) -> datetime:
    """A moment so much later or earlier, or the first or last that there is."""
    try:
        return moment + by
    except OverflowError:
        return LATEST if by > timedelta(0) else EARLIEST

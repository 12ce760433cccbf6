"""Where a group's positions and record times come from: the counter, or the process that holds it.

    {_id: "log", head: 4711, time: <record time of the last position>, held: {by, beat, window, asked}}

Positions and times are handed out together, by one authority, so that both rise whatever the writers' clocks
say. The authority is the counter's document, or the one process that holds it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextvars import Context
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import uuid4

from pymongo import ReturnDocument, WriteConcern
from pymongo.errors import PyMongoError

from domain.dispatch.ports import Clock
from eventstore.appending.counter_takeover import Hold, Patience
from eventstore.mongo.driver import Document
from eventstore.mongo.log_collections import LogCollections

SOLE_AFTER = 1.0
"""Seconds in which nobody else took a position, after which this process may hold the counter."""

BUSY = 10
"""Reservations in a second from which on it does: what writes now and then makes no other process wait."""

TELL_EVERY = 0.1
"""Seconds between two messages of the holder to the counter: for so long others wait, once."""

IDLE_AFTER = 1.0
"""Seconds without a commit after which the holder lets go."""

COUNTER = {"_id": "log"}

DAWN = datetime.min.replace(tzinfo=UTC)
"""Before every record time."""


class PositionGrant(NamedTuple):
    """Positions from `first` on, one for each of the times, which do not go back."""

    first: int
    times: list[datetime]


class PositionAllocator:
    """The positions of one process's groups, each handed out once, with their record times.

    A reservation costs a round trip before the insert. A process that has been the only writer for a while,
    and a busy one, holds the counter: others wait, and it hands out what follows itself. It lets go as soon
    as one of them asks, and goes on with reservations. `window` is how many positions it has under way at
    most; with 0 it never holds the counter.

    A holder that is silent is taken for dead: what it may still have under way is closed by tombstones, so
    that nothing of it can land behind later times. See `Hold`.
    """

    def __init__(self, collections: LogCollections, clock: Clock, window: int) -> None:
        self._collections = collections
        self._durable = collections.counters.with_options(write_concern=WriteConcern(w="majority", j=True))
        self._clock = clock
        self._window = window
        self._last = 0
        """The highest position known to be handed out, here or elsewhere."""
        self._latest = DAWN
        """The latest record time known to be handed out."""
        self._told = 0
        """Where the counter was when it was last heard of."""
        self._alone_since = self._second = self._taken_at = time.monotonic()
        self._in_second = 0
        self._id = uuid4().hex
        self._direct = False
        self._hold = 0
        self._reserving = asyncio.Lock()
        self._keeping: set[asyncio.Task[None]] = set()
        self._leaving = asyncio.Event()
        self._patience = Patience(Hold(collections, clock, self._durable))

    async def take(self, wishes: Sequence[datetime], behind: int) -> PositionGrant:
        """Return a position for each wish, all of them behind `behind`, at the wished times or later.

        Raises what the driver raises.
        """
        if behind > self._last:
            self._meet()
        if not self._direct:
            async with self._reserving:
                if not self._direct:
                    return await self._reserve(wishes, behind)
        self._taken_at = time.monotonic()
        return self._granted(self._last + 1, wishes)

    async def share(self) -> None:
        """A position was not to be had, or nobody knows: reserve from now on, behind all that is in the log.

        There it is also where a failover has put the counter back. Raises what the driver raises.
        """
        self._meet()
        self._last = max(self._last, await self._collections.head())
        self._latest = max(self._latest, await self._collections.last_time(self._clock()) or DAWN)

    async def latest(self) -> datetime:
        """The record time that the next commit has at least. Raises what the driver raises."""
        counter = await self._collections.counters.find_one(COUNTER) or {}
        latest: datetime = counter.get("time") or DAWN
        return max(self._latest, latest)

    async def close(self) -> None:
        """Return when the counter knows all positions that were taken, and others need not wait for it."""
        self._meet()
        if self._keeping:
            await asyncio.wait(self._keeping)

    def _granted(self, first: int, wishes: Sequence[datetime]) -> PositionGrant:
        times = []
        for wish in wishes:
            self._latest = max(self._latest, wish)
            times.append(self._latest)
        self._last = max(self._last, first + len(wishes) - 1)
        return PositionGrant(first, times)

    async def _reserve(self, wishes: Sequence[datetime], behind: int) -> PositionGrant:
        while True:
            at_least, hold = max(self._last, behind), self._is_alone()
            counters = self._durable if hold else self._collections.counters
            change = self._reservation(len(wishes), at_least, max(self._latest, *wishes), hold=hold)
            before = await counters.find_one_and_update(
                COUNTER, [{"$set": change}], upsert=True, return_document=ReturnDocument.BEFORE
            )
            held = (before or {}).get("held")
            if held is None or held["by"] == self._id:
                break
            self._meet()
            await self._patience.wait(held)
        return self._reserved(before or {}, at_least, wishes, hold=hold)

    def _reserved(
        self, before: Document, at_least: int, wishes: Sequence[datetime], *, hold: bool
    ) -> PositionGrant:
        head = before.get("head") or 0
        first = max(head, at_least) + 1
        if first > self._last + 1:
            self._meet()
        self._latest = max(self._latest, before.get("time") or DAWN)
        grant = self._granted(first, wishes)
        self._told = self._last
        if hold and head == at_least:
            self._begin_hold()
        return grant

    def _reservation(self, count: int, at_least: int, latest: datetime, *, hold: bool) -> dict[str, Any]:
        """What changes in the counter; where another process holds it, only that it is asked for it."""
        free = {"$in": [{"$ifNull": ["$held.by", ""]}, ["", self._id]]}
        undisturbed = {"$eq": [{"$ifNull": ["$head", 0]}, at_least]}
        mine = {"by": self._id, "hold": self._hold + 1, "beat": 0, "window": self._window, "asked": False}
        held = {"$cond": [undisturbed, mine, "$$REMOVE"]} if hold else "$$REMOVE"
        asked = {"$mergeObjects": ["$held", {"asked": True}]}
        return {
            "head": {"$cond": [free, {"$add": [{"$max": ["$head", at_least]}, count]}, "$head"]},
            "time": {"$cond": [free, {"$max": ["$time", latest]}, "$time"]},
            "held": {"$cond": [free, held, asked]},
        }

    def _is_alone(self) -> bool:
        """Whether this process is busy, and the only one that is."""
        now = time.monotonic()
        if now - self._second >= 1.0:
            self._second, self._in_second = now, 0
        self._in_second += 1
        alone = now - self._alone_since >= SOLE_AFTER
        return alone and self._in_second >= BUSY and self._window > 0

    def _begin_hold(self) -> None:
        self._hold += 1
        self._direct, self._taken_at, self._leaving = True, time.monotonic(), asyncio.Event()
        # In a context of its own: the time limit of the group is not the counter's.
        keeping = asyncio.create_task(self._keep(self._hold, self._leaving), context=Context())
        self._keeping.add(keeping)
        keeping.add_done_callback(self._keeping.discard)

    async def _keep(self, hold: int, leaving: asyncio.Event) -> None:
        """Write to the counter from time to time what was handed out, until this process releases it."""
        try:
            while not leaving.is_set():
                try:
                    await asyncio.wait_for(leaving.wait(), TELL_EVERY)
                except TimeoutError:
                    if not await self._tell(hold) or time.monotonic() - self._taken_at > IDLE_AFTER:
                        self._meet_in(hold)
            await self._tell(hold, {"$unset": {"held": 1}})
        except PyMongoError:
            # Others find it silent; the next reservation finds out what there is.
            self._meet_in(hold)

    async def _tell(self, hold: int, change: Document | None = None) -> bool:
        """Bring the counter to what was handed out; whether this process goes on holding it."""
        last, latest = self._last, self._latest
        before = await self._durable.find_one_and_update(
            {**COUNTER, "held.by": self._id, "held.hold": hold},
            {"$max": {"head": last, "time": latest}, **(change or {"$inc": {"held.beat": 1}})},
        )
        alone = before is not None and not before["held"]["asked"] and before.get("head", 0) <= self._told
        self._told = max(self._told, last)
        return alone

    def _meet_in(self, hold: int) -> None:
        if hold == self._hold:
            self._meet()

    def _meet(self) -> None:
        """Somebody else writes too, or may."""
        self._direct = False
        self._alone_since = time.monotonic()
        self._leaving.set()

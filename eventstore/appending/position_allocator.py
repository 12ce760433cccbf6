"""Positions and record times for the commits of one process.

    {_id: "log", head: 4711, time: <record time of the last position>, held: {by, beat, window, asked}}

One authority hands out positions and times together, so that both rise whatever the writers' clocks say: the
document of the counter, or the one process that holds it.
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
from eventstore.appending.counter_takeover import CounterTakeover
from eventstore.mongo.driver import Document
from eventstore.mongo.log_collections import LogCollections
from eventstore.options import CounterOptions

COUNTER = {"_id": "log"}

EARLIEST = datetime.min.replace(tzinfo=UTC)
"""Before every record time."""


class PositionGrant(NamedTuple):
    """Positions from `first` on, one for each of the record times, which never go back."""

    first: int
    times: list[datetime]


class PositionAllocator:
    """Hands out each position once, with its record time.

    A reservation costs a round trip before the insert. A busy process that has been the only writer for a
    while holds the counter instead: it hands out positions itself, and other processes wait. It releases the
    counter as soon as one of them asks, and goes back to reservations.

    `window` is the most positions that the process has in flight; with 0 it never holds the counter. A
    holder that is silent counts as dead: others close what it may have in flight with tombstones, so that
    nothing of it can land behind later record times. See `CounterTakeover`.
    """

    def __init__(
        self, collections: LogCollections, clock: Clock, window: int, options: CounterOptions
    ) -> None:
        self._collections = collections
        self._durable = collections.counters.with_options(write_concern=WriteConcern(w="majority", j=True))
        self._clock = clock
        self._window = window
        self._options = options
        self._last = 0
        """The highest position that is known to be handed out, by any process."""
        self._latest = EARLIEST
        """The latest record time that is known to be handed out."""
        self._reported = 0
        """The head of the counter when this process last read or wrote it."""
        self._alone_since = self._second_began = self._taken_at = time.monotonic()
        self._taken_in_second = 0
        self._id = uuid4().hex
        self._holds_counter = False
        self._hold = 0
        """The number of this process's current or last hold."""
        self._reserving = asyncio.Lock()
        self._keepers: set[asyncio.Task[None]] = set()
        self._released = asyncio.Event()
        self._takeover = CounterTakeover(collections, clock, self._durable, options.dead_after)

    async def take(self, wishes: Sequence[datetime], floor: int) -> PositionGrant:
        """Return a position above `floor` for each wished record time, with that time or a later one.

        Raises what the driver raises.
        """
        if floor > self._last:
            self._release()
        if not self._holds_counter:
            async with self._reserving:
                if not self._holds_counter:
                    return await self._reserve(wishes, floor)
        self._taken_at = time.monotonic()
        return self._grant(self._last + 1, wishes)

    async def share(self) -> None:
        """Reserve from now on, behind all that is in the log: another process writes, or may write.

        This also repairs a counter that a failover has put back. Raises what the driver raises.
        """
        self._release()
        self._last = max(self._last, await self._collections.head())
        self._latest = max(self._latest, await self._collections.last_time(self._clock()) or EARLIEST)

    async def latest(self) -> datetime:
        """Return the earliest record time that the next commit can have. Raises what the driver raises."""
        counter = await self._collections.counters.find_one(COUNTER) or {}
        latest: datetime = counter.get("time") or EARLIEST
        return max(self._latest, latest)

    async def close(self) -> None:
        """Release the counter, and return when it knows all positions that were taken."""
        self._release()
        if self._keepers:
            await asyncio.wait(self._keepers)

    def _grant(self, first: int, wishes: Sequence[datetime]) -> PositionGrant:
        times = []
        for wish in wishes:
            self._latest = max(self._latest, wish)
            times.append(self._latest)
        self._last = max(self._last, first + len(wishes) - 1)
        return PositionGrant(first, times)

    async def _reserve(self, wishes: Sequence[datetime], floor: int) -> PositionGrant:
        while True:
            at_least, hold = max(self._last, floor), self._should_hold()
            counters = self._durable if hold else self._collections.counters
            change = self._reservation(len(wishes), at_least, max(self._latest, *wishes), hold=hold)
            before = await counters.find_one_and_update(
                COUNTER, [{"$set": change}], upsert=True, return_document=ReturnDocument.BEFORE
            )
            held = (before or {}).get("held")
            if held is None or held["by"] == self._id:
                break
            self._release()
            await self._takeover.wait(held)
        return self._reserved(before or {}, at_least, wishes, hold=hold)

    def _reserved(
        self, before: Document, at_least: int, wishes: Sequence[datetime], *, hold: bool
    ) -> PositionGrant:
        head = before.get("head") or 0
        first = max(head, at_least) + 1
        if first > self._last + 1:
            self._release()
        self._latest = max(self._latest, before.get("time") or EARLIEST)
        grant = self._grant(first, wishes)
        self._reported = self._last
        if hold and head == at_least:
            self._begin_hold()
        return grant

    def _reservation(self, count: int, at_least: int, latest: datetime, *, hold: bool) -> dict[str, Any]:
        """Return the new fields of the counter. Where another process holds it, only `asked` changes."""
        is_free = {"$in": [{"$ifNull": ["$held.by", ""]}, ["", self._id]]}
        is_undisturbed = {"$eq": [{"$ifNull": ["$head", 0]}, at_least]}
        own = {"by": self._id, "hold": self._hold + 1, "beat": 0, "window": self._window, "asked": False}
        held = {"$cond": [is_undisturbed, own, "$$REMOVE"]} if hold else "$$REMOVE"
        asked = {"$mergeObjects": ["$held", {"asked": True}]}
        return {
            "head": {"$cond": [is_free, {"$add": [{"$max": ["$head", at_least]}, count]}, "$head"]},
            "time": {"$cond": [is_free, {"$max": ["$time", latest]}, "$time"]},
            "held": {"$cond": [is_free, held, asked]},
        }

    def _should_hold(self) -> bool:
        """Return whether this process is busy, and has been the only writer for a while."""
        now = time.monotonic()
        if now - self._second_began >= 1.0:
            self._second_began, self._taken_in_second = now, 0
        self._taken_in_second += 1
        is_alone = now - self._alone_since >= self._options.sole_after
        return is_alone and self._taken_in_second >= self._options.busy_rate and self._window > 0

    def _begin_hold(self) -> None:
        self._hold += 1
        self._holds_counter, self._taken_at, self._released = True, time.monotonic(), asyncio.Event()
        # In a context of its own: the time limit of the group does not apply to the counter.
        keeper = asyncio.create_task(self._keep_hold(self._hold, self._released), context=Context())
        self._keepers.add(keeper)
        keeper.add_done_callback(self._keepers.discard)

    async def _keep_hold(self, hold: int, released: asyncio.Event) -> None:
        """Report to the counter from time to time, until this process releases it."""
        try:
            while not released.is_set():
                try:
                    await asyncio.wait_for(released.wait(), self._options.report_every)
                except TimeoutError:
                    if not await self._report(hold) or self._is_idle():
                        self._release_hold(hold)
            await self._report(hold, {"$unset": {"held": 1}})
        except PyMongoError:
            # Other processes find this one silent; its next reservation reads the counter.
            self._release_hold(hold)

    def _is_idle(self) -> bool:
        return time.monotonic() - self._taken_at > self._options.idle_after

    async def _report(self, hold: int, change: Document | None = None) -> bool:
        """Write to the counter what was handed out; return whether this process may keep the hold."""
        last, latest = self._last, self._latest
        before = await self._durable.find_one_and_update(
            {**COUNTER, "held.by": self._id, "held.hold": hold},
            {"$max": {"head": last, "time": latest}, **(change or {"$inc": {"held.beat": 1}})},
        )
        is_alone = (
            before is not None and not before["held"]["asked"] and before.get("head", 0) <= self._reported
        )
        self._reported = max(self._reported, last)
        return is_alone

    def _release_hold(self, hold: int) -> None:
        if hold == self._hold:
            self._release()

    def _release(self) -> None:
        """Stop holding the counter, because another process writes too, or may write."""
        self._holds_counter = False
        self._alone_since = time.monotonic()
        self._released.set()

"""Appending in groups: one insert carries all that is waiting, and each commit stands or falls alone."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping

from pymongo import ReturnDocument
from pymongo.errors import BulkWriteError, PyMongoError

from domain.kernel import Receipt
from domain.kernel.errors import Overloaded, Unavailable
from domain.kernel.ports import NewCommit
from eventstore.commits import new_receipt
from eventstore.driver import is_outage
from eventstore.indexes import Collections
from eventstore.pending import Pending
from eventstore.settlement import UNKNOWN, Guard, Settlement

GROUP = 256
"""Commits in one insert at most."""

IN_FLIGHT = 3
"""Groups under way at once: one is encoded while another is written and a third is made durable."""

QUEUE = 10_000
"""Commits that wait at most; beyond it callers are told Overloaded."""

PATIENCE = 15.0
"""Seconds after which an append that has no outcome is given up as Unavailable."""

PAUSE = 0.1
"""Seconds between an outage and the next try."""


class Appender:
    """The one writer of a process.

    A group starts as soon as a place in flight is free, so nothing waits while the log is idle, and groups
    grow with the load. What a group leaves without an outcome (an outage, a position lost to a reader's
    tombstone) goes again; the guards on version and command id make sure that it lands once.
    """

    def __init__(
        self, collections: Collections, settlement: Settlement, announce: Callable[[int], None]
    ) -> None:
        self._collections = collections
        self._settlement = settlement
        self._announce = announce
        self._queue: deque[Pending] = deque()
        self._groups: set[asyncio.Task[None]] = set()
        self._start_is_due = False
        self._closing = False

    def submit(self, commit: NewCommit, encoded: bytes, after: int) -> asyncio.Future[Receipt]:
        """Queue a commit; the future gets its receipt, or the error that says why there is none."""
        if self._closing:
            raise Unavailable("the log is closing; send the command again to another process")
        if len(self._queue) >= QUEUE:
            raise Overloaded(f"{QUEUE} appends are waiting already; try again with a growing pause")
        loop = asyncio.get_running_loop()
        pending = Pending(commit, encoded, after, loop.time() + PATIENCE, loop.create_future())
        self._queue.append(pending)
        self._start_soon()
        return pending.outcome

    async def close(self) -> None:
        """Take nothing new, and return when all that was queued has an outcome."""
        self._closing = True
        while self._queue or self._groups:
            self._start()
            if self._groups:
                await asyncio.wait(self._groups)

    def _start_soon(self) -> None:
        """Start after the callers that are ready in this turn of the loop, so that they share a group."""
        if not self._start_is_due:
            self._start_is_due = True
            asyncio.get_running_loop().call_soon(self._start)

    def _start(self) -> None:
        self._start_is_due = False
        while self._queue and len(self._groups) < IN_FLIGHT:
            waiting = [self._queue.popleft() for _ in range(min(GROUP, len(self._queue)))]
            if group := [pending for pending in waiting if not pending.outcome.done()]:
                task = asyncio.create_task(self._run(group))
                self._groups.add(task)
                task.add_done_callback(self._ended)

    async def _run(self, group: list[Pending]) -> None:
        try:
            await self._store(group)
        except Exception as error:
            if not (isinstance(error, PyMongoError) and is_outage(error)):
                for pending in group:
                    pending.fail(error)
            await asyncio.sleep(PAUSE)
        self._go_again([pending for pending in group if not pending.outcome.done()])

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._groups.discard(task)
        self._start_soon()

    def _go_again(self, group: list[Pending]) -> None:
        now = asyncio.get_running_loop().time()
        for pending in reversed(group):
            if now < pending.deadline:
                self._queue.appendleft(pending)
            else:
                pending.fail(Unavailable("MongoDB did not confirm the append in time; send it again"))

    async def _store(self, group: list[Pending]) -> None:
        first = await self._reserve(len(group))
        if any(first <= pending.after for pending in group):
            # The counter went back (failover): the positions given are left to the readers' fence.
            await self._collections.raise_counter()
            return
        placed = dict(enumerate(group, first))
        refused = await self._insert(placed)
        for position, pending in placed.items():
            if position not in refused:
                pending.land(new_receipt(pending.commit, position))
        if refused:
            await self._settlement.settle(placed, refused)
        self._announce(first + len(group) - 1)

    async def _reserve(self, count: int) -> int:
        """The first of `count` positions that no other writer gets."""
        counter = await self._collections.counters.find_one_and_update(
            {"_id": "log"},
            {"$inc": {"head": count}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        assert counter is not None
        head: int = counter["head"]
        return head - count + 1

    async def _insert(self, placed: Mapping[int, Pending]) -> dict[int, Guard]:
        """Write the group; for each position that was not plainly acknowledged, the guard that refused it."""
        positions = list(placed)
        try:
            await self._collections.log.insert_many(
                [pending.at(position) for position, pending in placed.items()], ordered=False
            )
        except BulkWriteError as error:
            refused = {
                positions[one["index"]]: tuple(one.get("keyPattern", UNKNOWN))
                for one in error.details["writeErrors"]
            }
            unsure = dict.fromkeys(positions, UNKNOWN) if error.details["writeConcernErrors"] else {}
            return unsure | refused
        except PyMongoError as error:
            if not is_outage(error):
                raise
            return dict.fromkeys(positions, UNKNOWN)
        return {}

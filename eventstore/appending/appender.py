"""Appending in groups: one insert carries all that is waiting, and each commit stands or falls alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from pymongo.errors import BulkWriteError, PyMongoError

from domain.dispatch.ports import Clock, NewCommit
from domain.kernel import Receipt
from domain.kernel.errors import PersonalDataRefused, Unavailable
from eventstore.appending.append_queue import GROUP, AppendQueue
from eventstore.appending.outcomes import InsertFailure, OutcomeResolver
from eventstore.appending.pending_append import PendingAppend
from eventstore.appending.position_allocator import PositionAllocator
from eventstore.commit_documents import new_receipt
from eventstore.mongo.driver import is_outage, time_limit, unavailable_if_down
from eventstore.mongo.log_collections import LogCollections
from eventstore.personal.sealing import NO_UNSEALED_PARTS, UnsealedParts
from eventstore.personal.vault import Vault
from eventstore.reading.stream_reader import StreamReader

IN_FLIGHT = 3
"""Groups under way at once: one is encoded while another is written and a third is made durable."""

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
        self,
        collections: LogCollections,
        streams: StreamReader,
        settlement: OutcomeResolver,
        vault: Vault,
        clock: Clock,
        announce: Callable[[int], None],
    ) -> None:
        self._collections = collections
        self._streams = streams
        self._settlement = settlement
        self._vault = vault
        self._announce = announce
        self._queue = AppendQueue()
        self._positions = PositionAllocator(collections, clock, IN_FLIGHT * GROUP)
        self._groups: set[asyncio.Task[None]] = set()
        self._checks: set[asyncio.Task[None]] = set()
        self._start_is_due = False
        self._closing = False

    def submit(
        self, commit: NewCommit, encoded: bytes, unsealed: UnsealedParts = NO_UNSEALED_PARTS
    ) -> asyncio.Future[Receipt]:
        """Queue a commit; the future gets its receipt, or the error that says why there is none.

        What is `unsealed` is sealed with its group, so that a group costs one look at its subjects' keys.
        """
        if self._closing:
            raise Unavailable("the log is closing; send the command again to another process")
        deadline = asyncio.get_running_loop().time() + PATIENCE
        pending = self._queue.add(commit, encoded, deadline, unsealed)
        chain = pending.chain
        if chain.waiting[0] is pending and not chain.taken:
            self._found(pending)
        return pending.outcome

    async def close(self) -> None:
        """Take nothing new, and return when all that was queued has an outcome."""
        self._closing = True
        while not self._queue.empty or self._groups:
            self._start()
            if running := self._groups | self._checks:
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        await self._positions.close()

    def _found(self, pending: PendingAppend) -> None:
        """Start a chain with its first commit, once it is clear that the stream is where that expects it."""
        commit, chain = pending.commit, pending.chain
        known = self._streams.known(commit.tenant, commit.stream)
        if known.version == commit.expected or not commit.events:
            chain.after = known.position
            self._queue.start(chain)
            self._start_soon()
        else:
            check = asyncio.create_task(self._check(pending))
            self._checks.add(check)
            check.add_done_callback(self._checks.discard)

    async def _check(self, pending: PendingAppend) -> None:
        try:
            with unavailable_if_down():
                await self._settlement.check(pending)
        except Exception as error:
            pending.fail(error)
        # Even if it has its outcome by now: the queue drops it.
        self._queue.start(pending.chain)
        self._start_soon()

    def _start_soon(self) -> None:
        """Start after the callers that are ready in this turn of the loop, so that they share a group."""
        if not self._start_is_due:
            self._start_is_due = True
            asyncio.get_running_loop().call_soon(self._start)

    def _start(self) -> None:
        self._start_is_due = False
        while self._queue and len(self._groups) < IN_FLIGHT:
            if group := self._queue.take(asyncio.get_running_loop().time()):
                task = asyncio.create_task(self._run(group))
                self._groups.add(task)
                task.add_done_callback(self._ended)

    async def _run(self, group: list[PendingAppend]) -> None:
        patience = max(pending.deadline for pending in group) - asyncio.get_running_loop().time()
        try:
            with time_limit(patience):
                await self._seal(group)
                if sealed := [pending for pending in group if not pending.settled]:
                    await self._store(sealed)
        except Exception as error:
            if not (isinstance(error, PyMongoError) and is_outage(error)):
                for pending in group:
                    pending.fail(error)
            await asyncio.sleep(PAUSE)
        self._queue.give_back(group)

    async def _seal(self, group: list[PendingAppend]) -> None:
        """Seal what is personal; a commit whose subject was erased gets its outcome here."""
        if personal := [pending for pending in group if pending.unsealed]:
            sealed = await self._vault.seal([(pending.commit, pending.unsealed) for pending in personal])
            for pending, outcome in zip(personal, sealed, strict=True):
                if isinstance(outcome, PersonalDataRefused):
                    pending.fail(outcome)
                else:
                    pending.seal(outcome)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._groups.discard(task)
        self._start_soon()

    async def _store(self, group: list[PendingAppend]) -> None:
        behind = max(pending.chain.after for pending in group)
        first, times = await self._positions.take([pending.commit.at for pending in group], behind)
        for pending, time in zip(group, times, strict=True):
            pending.time = time
        placed = dict(enumerate(group, first))
        refused = await self._insert(placed)
        for position, pending in placed.items():
            if position not in refused:
                self._settlement.land(pending, new_receipt(pending.commit, position))
        if any(why.shows_others for why in refused.values()):
            await self._positions.share()
        if refused:
            await self._settlement.settle(placed, refused)
        self._announce(first + len(group) - 1)

    async def _insert(self, placed: Mapping[int, PendingAppend]) -> dict[int, InsertFailure]:
        """Write the group; for each position that was not plainly acknowledged, why.

        Where there are chains the server stops at a refused commit, so that nothing lands that builds on it;
        what does not is sent once more.
        """
        refused: dict[int, InsertFailure] = {}
        left = dict(placed)
        while left:
            ordered = any(len(pending.chain.taken) > 1 for pending in left.values())
            found = await self._try(left, ordered=ordered)
            refused |= found
            if not ordered or not found:
                break
            stopped = max(found)
            lost = placed[stopped].chain
            untried = {at: pending for at, pending in left.items() if at > stopped}
            refused |= {at: InsertFailure.UNTRIED for at, pending in untried.items() if pending.chain is lost}
            left = {at: pending for at, pending in untried.items() if pending.chain is not lost}
        return refused

    async def _try(self, placed: Mapping[int, PendingAppend], *, ordered: bool) -> dict[int, InsertFailure]:
        """One insert; with `ordered` nothing behind the first refused position was tried."""
        positions = list(placed)
        documents = [pending.at(position) for position, pending in placed.items()]
        for pending in placed.values():
            pending.sent = True
        try:
            await self._collections.log.insert_many(documents, ordered=ordered)
        except BulkWriteError as error:
            details = error.details
            unsure = dict.fromkeys(positions if details["writeConcernErrors"] else (), InsertFailure.UNKNOWN)
            return unsure | {positions[one["index"]]: InsertFailure.of(one) for one in details["writeErrors"]}
        except PyMongoError as error:
            if not is_outage(error):
                raise
            return dict.fromkeys(positions, InsertFailure.UNKNOWN)
        return {}

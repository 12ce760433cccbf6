"""What became of a commit that was not plainly acknowledged: read from the log, never guessed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from enum import Enum
from typing import Any

from domain.dispatch.ports import Clock
from domain.kernel import Receipt
from domain.kernel.errors import ConcurrencyConflict
from eventstore.appending.pending_append import PendingAppend
from eventstore.commit_documents import first_receipt, new_receipt
from eventstore.mongo.driver import Document
from eventstore.mongo.log_collections import COMMAND_KEYS, VERSION_KEYS, LogCollections
from eventstore.reading.fence import close_positions
from eventstore.reading.stream_reader import StreamReader, Tip


class InsertFailure(Enum):
    """Why a commit was not plainly acknowledged: which unique index refused it, or that none did."""

    POSITION = ("_id",)
    VERSION = VERSION_KEYS
    COMMAND = COMMAND_KEYS
    UNKNOWN = ()
    """No index spoke: a timeout, a lost primary, or no majority in time."""
    UNTRIED = None
    """The server stopped before it."""

    @property
    def shows_others(self) -> bool:
        """Whether the position itself was taken, or may be: by another writer, or by a reader's tombstone."""
        return self in (InsertFailure.POSITION, InsertFailure.UNKNOWN)

    @classmethod
    def of(cls, error: Mapping[str, Any]) -> InsertFailure:
        """What one write error of an insert says."""
        return cls(tuple(error.get("keyPattern", ())))


class OutcomeResolver:
    """Finds the outcome of refused and of unacknowledged commits.

    Their positions are closed first by tombstones, which only free positions take: after that nothing can
    land there any more, and whoever is found there owns it.
    """

    def __init__(self, collections: LogCollections, streams: StreamReader, clock: Clock) -> None:
        self._collections = collections
        self._streams = streams
        self._clock = clock

    async def settle(self, placed: Mapping[int, PendingAppend], refused: Mapping[int, InsertFailure]) -> None:
        """Give each commit at a refused position its outcome; one that gets none is to be tried again.

        Raises what the driver raises; then, too, those without an outcome are to be tried again.
        """
        log = self._collections.log
        await close_positions(log, refused, self._clock)
        found = await log.find({"_id": {"$in": list(refused)}}).to_list(None)
        holders = {document["_id"]: document for document in found}
        await asyncio.gather(*(self._judge(placed[at], why, holders.get(at)) for at, why in refused.items()))

    async def check(self, pending: PendingAppend) -> None:
        """Look where the stream is; gives the commit its outcome where that is not what it expects.

        The version guard refuses what is too low; that the expected version exists at all is only known here.
        Raises what the driver raises.
        """
        commit = pending.commit
        tip = self._streams.known(commit.tenant, commit.stream)
        if tip.version < commit.expected:
            tip = await self._streams.tip(commit.tenant, commit.stream, tip.version) or tip
        if tip.version == commit.expected:
            pending.chain.after = tip.position
        elif not await self._was_stored(pending):
            pending.fail(ConcurrencyConflict(commit.stream, commit.expected, tip.version))

    def land(self, pending: PendingAppend, receipt: Receipt) -> None:
        """Tell the caller, and remember how far the stream has come."""
        if receipt.changed:
            tip = Tip(receipt.version, receipt.position)
            self._streams.reached(pending.commit.tenant, receipt.stream, tip)
        pending.land(receipt)

    async def _judge(self, pending: PendingAppend, why: InsertFailure, holder: Document | None) -> None:
        if holder is not None and pending.owns(holder):
            self.land(pending, new_receipt(pending.commit, holder["_id"]))
            return
        if why in (InsertFailure.POSITION, InsertFailure.UNTRIED) or await self._was_stored(pending):
            return
        commit = pending.commit
        if why is InsertFailure.VERSION:
            tip = await self._streams.tip(commit.tenant, commit.stream, commit.expected)
            if tip is not None:
                pending.fail(ConcurrencyConflict(commit.stream, commit.expected, tip.version))

    async def _was_stored(self, pending: PendingAppend) -> bool:
        """Whether the command is stored, by this commit or by an earlier run of it."""
        commit = pending.commit
        winner = await self._collections.commit_of(commit.tenant, commit.command_id)
        if winner is not None:
            self.land(pending, first_receipt(commit, winner))
        return winner is not None

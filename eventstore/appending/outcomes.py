"""The outcomes of commits that were not acknowledged, read from the log."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from domain.kernel import Receipt
from domain.kernel.errors import ConcurrencyConflict
from domain.kernel.unique_errors import ClaimWithdrawn
from eventstore.appending.commit_inserter import CommitInserter, InsertFailure
from eventstore.appending.pending_append import PendingAppend
from eventstore.commit_documents import first_receipt, new_receipt
from eventstore.mongo.driver import Document
from eventstore.mongo.log_collections import LogCollections
from eventstore.reading.stream_reader import StreamReader, Tip


class OutcomeResolver:
    """Finds the outcomes of commits that failed, or whose acknowledgement was lost.

    It closes their positions first: after that nothing can land there, and the document there is final.
    """

    def __init__(self, collections: LogCollections, inserter: CommitInserter, streams: StreamReader) -> None:
        self._collections = collections
        self._inserter = inserter
        self._streams = streams

    async def resolve(
        self, appends: Mapping[int, PendingAppend], failures: Mapping[int, InsertFailure]
    ) -> None:
        """Set the outcome of each failed append that has one; the others are to be sent again.

        Raises what the driver raises; then, too, appends without an outcome are to be sent again.
        """
        stored = await self._inserter.close(failures)
        await asyncio.gather(
            *(
                self._resolve(appends[position], failure, stored.get(position))
                for position, failure in failures.items()
            )
        )

    async def check_expected_version(self, append: PendingAppend) -> None:
        """Read the version of the stream; set the outcome of the append where it expects another one.

        The version guard refuses a version that is too low. Only this check refuses one that is too high.
        Raises what the driver raises.
        """
        commit = append.commit
        tip = self._streams.known_tip(commit.tenant, commit.stream)
        if tip.version < commit.expected:
            tip = await self._streams.tip(commit.tenant, commit.stream, tip.version) or tip
        if tip.version == commit.expected:
            append.chain.floor = tip.position
        elif not await self._complete_if_stored(append):
            append.fail(ConcurrencyConflict(commit.stream, commit.expected, tip.version))

    def complete(self, append: PendingAppend, receipt: Receipt) -> None:
        """Set the receipt, and remember how far the stream has come."""
        if receipt.changed:
            tip = Tip(receipt.version, receipt.position)
            self._streams.remember_tip(append.commit.tenant, receipt.stream, tip)
        append.complete(receipt)

    async def _resolve(self, append: PendingAppend, failure: InsertFailure, stored: Document | None) -> None:
        if stored is not None and append.is_stored_in(stored):
            self.complete(append, new_receipt(append.commit, stored["_id"]))
            return
        if failure in (InsertFailure.POSITION, InsertFailure.NOT_TRIED):
            return
        if await self._complete_if_stored(append):
            return
        commit = append.commit
        if failure is InsertFailure.VERSION:
            tip = await self._streams.tip(commit.tenant, commit.stream, commit.expected)
            if tip is not None:
                append.fail(ConcurrencyConflict(commit.stream, commit.expected, tip.version))
        elif failure is InsertFailure.CLAIM:
            append.fail(ClaimWithdrawn(commit.stream, commit.expected, commit.expected))

    async def _complete_if_stored(self, append: PendingAppend) -> bool:
        """Set the first receipt where the command is stored, by this commit or an earlier run of it."""
        commit = append.commit
        stored = await self._collections.commit_of(commit.tenant, commit.command_id)
        if stored is not None:
            self.complete(append, first_receipt(commit, stored))
        return stored is not None

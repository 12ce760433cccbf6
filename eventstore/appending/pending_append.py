"""Appends that wait for their outcome, and the chains that they form."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from bson.raw_bson import RawBSONDocument

from domain.dispatch.ports import NewCommit
from domain.kernel import Receipt
from domain.kernel.errors import ConcurrencyConflict
from eventstore.commit_documents import encode_commit, is_same_commit, with_position
from eventstore.mongo.driver import Document
from eventstore.personal.sealing import NO_UNSEALED_PARTS, SealedParts, UnsealedParts


class ChainBroken(ConcurrencyConflict):
    """The commit that this one builds on did not land, so this one did not land either.

    An earlier run of the same command may be stored.
    """


@dataclass(eq=False, slots=True)
class CommitChain:
    """Commits of one stream, each decided on the state that the one before it leaves.

    No commit lands without those before it. Most chains have one commit. `version` is the version after the
    last commit. The next commit needs a position above `floor`, the position of the version that it builds
    on, so that versions and positions of a stream rise together.
    """

    tenant: str
    stream: str
    version: int
    floor: int = 0
    broken: bool = False
    in_flight: list[PendingAppend] = field(default_factory=list)
    """The commits in the current group; the queued ones wait until that group ends."""
    queued: deque[PendingAppend] = field(default_factory=deque)

    @property
    def last_command_id(self) -> str | None:
        appends = self.queued or self.in_flight
        return appends[-1].commit.command_id if appends else None

    def break_after(self, lost: PendingAppend, error: Exception) -> None:
        """Fail the commits that build on `lost`, which did not land.

        Where the outcome of `lost` is unknown, a commit that was sent with it may have landed: it fails with
        the same error.
        """
        self.broken = True
        is_conflict = isinstance(error, ConcurrencyConflict)
        actual = error.actual if isinstance(error, ConcurrencyConflict) else lost.commit.expected
        for append in (*self.in_flight, *self.queued):
            expected = append.commit.expected
            if expected > lost.commit.expected:
                conflict = ChainBroken(self.stream, expected, actual)
                append.set_error(error if append.was_sent and not is_conflict else conflict)


@dataclass(eq=False, slots=True)
class PendingAppend:
    """A queued commit, its document without a position, and the future of its outcome.

    `deadline` is on the event loop's clock. `unsealed` is personal data that must be sealed before the commit
    is sent; `is_sealed` that it was. `record_time` is known once the commit has a position. After an insert
    (`was_sent`) only the log shows whether the commit landed. `has_outcome` is about the commit; a caller
    that stops waiting cancels `outcome` and leaves the commit as it is.
    """

    chain: CommitChain
    commit: NewCommit
    encoded: bytes
    deadline: float
    outcome: asyncio.Future[Receipt]
    unsealed: UnsealedParts
    record_time: datetime | None = None
    is_sealed: bool = False
    was_sent: bool = False
    has_outcome: bool = False

    def seal(self, sealed: SealedParts) -> None:
        """Encode the commit with its sealed data, once: a commit that may have landed is sent again as is."""
        self.encoded, self.unsealed = encode_commit(self.commit, sealed), NO_UNSEALED_PARTS
        self.is_sealed = True

    def document(self, position: int) -> RawBSONDocument:
        """Return the document to insert at `position`."""
        if self.unsealed:
            raise AssertionError("personal data would be sent unsealed")
        return with_position(self.encoded, position, self.record_time)

    def is_stored_in(self, document: Document) -> bool:
        """Return whether a stored document is this very commit."""
        return is_same_commit(self.commit, document)

    def complete(self, receipt: Receipt) -> None:
        """Set the receipt of the stored command: of this commit, or of an earlier run (`replayed`).

        Commits cannot build on an earlier run, so the rest of the chain then fails.
        """
        if self.has_outcome:
            return
        self.has_outcome = True
        if not self.outcome.done():
            self.outcome.set_result(receipt)
        if receipt.replayed:
            expected = self.commit.expected
            self.chain.break_after(self, ConcurrencyConflict(self.commit.stream, expected, expected))
        else:
            self.chain.floor = max(self.chain.floor, receipt.position)

    def fail(self, error: Exception) -> None:
        """Set the error of a commit that did not land, and fail the commits that build on it.

        After a ConcurrencyConflict the commit will never land.
        """
        if not self.has_outcome:
            self.set_error(error)
            self.chain.break_after(self, error)

    def set_error(self, error: Exception) -> None:
        """Set the error for a caller that still waits."""
        self.has_outcome = True
        if not self.outcome.done():
            self.outcome.set_exception(error)

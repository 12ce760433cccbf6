"""Commits on their way into the log, and the chains they form."""

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
    """What this commit was to build on did not land, nor did it; an earlier run of its command may have."""


@dataclass(eq=False, slots=True)
class CommitChain:
    """Commits of one stream of which each builds on the one before: none lands without those before it.

    Most have but one. `version` is where the last one leads. The next must land behind position `after`,
    where the version is that it builds on, so that a stream's versions and positions rise together.
    """

    tenant: str
    stream: str
    version: int
    after: int = 0
    broken: bool = False
    taken: list[PendingAppend] = field(default_factory=list)
    """Those in the group that is under way: all others wait for its end."""
    waiting: deque[PendingAppend] = field(default_factory=deque)

    @property
    def last(self) -> str | None:
        """The command id of the last one."""
        behind = self.waiting or self.taken
        return behind[-1].commit.command_id if behind else None

    def break_behind(self, lost: PendingAppend, reason: Exception) -> None:
        """`lost` did not land, so nothing that builds on it may.

        A commit that was sent with one whose outcome nobody knows may have landed with it: it shares
        the error.
        """
        self.broken = True
        certain = isinstance(reason, ConcurrencyConflict)
        actual = reason.actual if isinstance(reason, ConcurrencyConflict) else lost.commit.expected
        for pending in (*self.taken, *self.waiting):
            expected = pending.commit.expected
            if expected > lost.commit.expected:
                conflict = ChainBroken(self.stream, expected, actual)
                pending.end(reason if pending.sent and not certain else conflict)


@dataclass(eq=False, slots=True)
class PendingAppend:
    """A queued commit, its document encoded without a position, and its outcome to come.

    `time` is its record time, once it has a position. `deadline` is on the event loop's clock. A caller that
    leaves cancels `outcome`; `settled`: the commit itself has one. `unsealed` is what must be
    sealed before it can be sent. `sent`: it was in an insert, and only the log shows whether it landed.
    """

    chain: CommitChain
    commit: NewCommit
    encoded: bytes
    deadline: float
    outcome: asyncio.Future[Receipt]
    unsealed: UnsealedParts
    time: datetime | None = None
    sent: bool = False
    settled: bool = False

    def seal(self, sealed: SealedParts) -> None:
        """Put what is sealed in its place, once: whatever may have landed is sent again as it was."""
        self.encoded, self.unsealed = encode_commit(self.commit, sealed), NO_UNSEALED_PARTS

    def at(self, position: int) -> RawBSONDocument:
        if self.unsealed:
            raise AssertionError("personal data would be sent unsealed")
        return with_position(self.encoded, position, self.time)

    def owns(self, stored: Document) -> bool:
        return is_same_commit(self.commit, stored)

    def land(self, receipt: Receipt) -> None:
        """The command is stored, by this commit or by an earlier run, on which the chain cannot build."""
        if self.settled:
            return
        self.settled = True
        if not self.outcome.done():
            self.outcome.set_result(receipt)
        if receipt.replayed:
            expected = self.commit.expected
            self.chain.break_behind(self, ConcurrencyConflict(self.commit.stream, expected, expected))
        else:
            self.chain.after = max(self.chain.after, receipt.position)

    def fail(self, error: Exception) -> None:
        """The commit did not land, and never will where `error` is a conflict; nor does what builds on it."""
        if not self.settled:
            self.end(error)
            self.chain.break_behind(self, error)

    def end(self, error: Exception) -> None:
        """Tell the caller, if it is still there."""
        self.settled = True
        if not self.outcome.done():
            self.outcome.set_exception(error)

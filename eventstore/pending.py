"""A commit on its way into the log."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from bson.raw_bson import RawBSONDocument

from domain.kernel import Receipt
from domain.kernel.ports import NewCommit
from eventstore.commits import is_stored_as, placed
from eventstore.driver import Document


@dataclass(eq=False, slots=True)
class Pending:
    """A queued commit, its document encoded without a position, and its outcome to come.

    It must land behind position `after`, where the version is that it builds on, so that a stream's versions
    and positions rise together. `deadline` is on the event loop's clock.
    """

    commit: NewCommit
    encoded: bytes
    after: int
    deadline: float
    outcome: asyncio.Future[Receipt]

    def at(self, position: int) -> RawBSONDocument:
        return placed(self.encoded, position)

    def owns(self, stored: Document) -> bool:
        return is_stored_as(self.commit, stored)

    def land(self, receipt: Receipt) -> None:
        """Tell the caller that its command is stored; a caller that has left is not told."""
        if not self.outcome.done():
            self.outcome.set_result(receipt)

    def fail(self, error: Exception) -> None:
        if not self.outcome.done():
            self.outcome.set_exception(error)

"""Closing positions for ever, so that nobody waits for a writer that will not come."""

from __future__ import annotations

import time
from collections.abc import Iterable

from pymongo.errors import BulkWriteError

from domain.kernel.ports import Clock
from eventstore.commits import tombstone
from eventstore.driver import Collection

DUPLICATE_KEY = 11_000


async def close_positions(log: Collection, positions: Iterable[int], clock: Clock) -> None:
    """Put a tombstone, majority-durable, at each position that is free.

    After it each has its final holder. Raises what the driver raises where that is not certain.
    """
    now = clock()
    try:
        await log.insert_many([tombstone(position, now) for position in positions], ordered=False)
    except BulkWriteError as error:
        taken = all(one["code"] == DUPLICATE_KEY for one in error.details["writeErrors"])
        if not taken or error.details["writeConcernErrors"]:
            raise


class Fence:
    """Closes a hole that one reader has seen for long enough, by that reader's own monotonic clock.

    So a writer that stalls can never land behind a reader: either its commit is there when the reader passes,
    or a tombstone is.
    """

    def __init__(self, log: Collection, clock: Clock, fence_after: float) -> None:
        self._log = log
        self._clock = clock
        self._fence_after = fence_after
        self._hole = 0
        self._seen_at = 0.0

    async def closes(self, first: int, last: int) -> bool:
        """Whether the hole from `first` to `last`, behind which a commit is, was closed: then read again."""
        now = time.monotonic()
        if first != self._hole:
            self._hole, self._seen_at = first, now
        if now - self._seen_at < self._fence_after:
            return False
        await close_positions(self._log, range(first, last + 1), self._clock)
        return True

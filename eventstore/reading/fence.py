"""Closing positions with tombstones, so that no reader waits for a writer that does not come."""

from __future__ import annotations

from collections.abc import Iterable

from pymongo.errors import BulkWriteError

from domain.dispatch.ports import Clock
from eventstore.commit_documents import tombstone
from eventstore.mongo.driver import DUPLICATE_KEY, Collection, time_limit
from eventstore.options import CLOSE_WITHIN, LogOptions

CLOSE_AT_ONCE = 5_000
"""Most positions that one insert closes: a counter raised by mistake leaves a hole of any size."""


async def close_positions(
    log: Collection, positions: Iterable[int], clock: Clock, within: float = CLOSE_WITHIN
) -> None:
    """Put a tombstone, majority-durable, at each free position; then the document at each one is final.

    Raises what the driver raises where that is not certain. One case is an open transaction that has inserted
    at a position: the server would wait as long as it lasts.
    """
    now = clock()
    tombstones = [tombstone(position, now) for position in positions]
    try:
        with time_limit(within):
            await log.insert_many(tombstones, ordered=False)
    except BulkWriteError as error:
        only_taken = all(refused["code"] == DUPLICATE_KEY for refused in error.details["writeErrors"])
        if not only_taken or error.details["writeConcernErrors"]:
            raise


class Fence:
    """Closes a hole that one reader has seen for long enough, by that reader's own monotonic clock.

    So a stalled writer can never land behind a reader: either its commit is there when the reader passes, or
    a tombstone is. `fence_after` is in seconds.
    """

    def __init__(self, log: Collection, clock: Clock, fence_after: float, options: LogOptions) -> None:
        self._log = log
        self._clock = clock
        self._fence_after = fence_after
        self._options = options
        self._hole = range(0)
        self._seen_at = 0.0

    async def close_if_old(self, first: int, last: int) -> bool:
        """Close the hole from `first` to `last`, which lies before a commit, if it was open for long enough.

        Return whether it was closed; then read again. Of a very large hole a part is closed. Raises what the
        driver raises.
        """
        now = self._options.monotonic()
        if first not in self._hole:
            self._hole, self._seen_at = range(first, last + 1), now
        if now - self._seen_at < self._fence_after:
            return False
        # Each position of the hole has been open since it was seen, or has its commit by now.
        positions = range(first, last + 1)[:CLOSE_AT_ONCE]
        await close_positions(self._log, positions, self._clock, self._options.close_within)
        return True

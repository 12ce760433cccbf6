"""Closing positions for ever, so that nobody waits for a writer that will not come."""

from __future__ import annotations

from collections.abc import Iterable
from time import monotonic

from pymongo.errors import BulkWriteError

from domain.dispatch.ports import Clock
from eventstore.commit_documents import tombstone
from eventstore.mongo.driver import DUPLICATE_KEY, Collection, time_limit

CLOSE_AT_ONCE = 5_000
"""Positions closed by one insert at most: a counter that was raised by mistake leaves a hole of any size."""

CLOSE_WITHIN = 5.0
"""Seconds that an insert of tombstones may take, with its majority and its journal."""


async def close_positions(log: Collection, positions: Iterable[int], clock: Clock) -> None:
    """Put a tombstone, majority-durable, at each position that is free.

    After it each has its final holder. Raises what the driver raises where that is not certain: so it does
    where somebody's open transaction holds a position, for which the server would wait as long as that lasts.
    """
    now = clock()
    tombstones = [tombstone(position, now) for position in positions]
    try:
        with time_limit(CLOSE_WITHIN):
            await log.insert_many(tombstones, ordered=False)
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
        self._hole = range(0)
        self._seen_at = 0.0

    async def closes(self, first: int, last: int) -> bool:
        """Whether the hole from `first` to `last`, behind which a commit is, was closed: then read again.

        Of a very large hole a part is closed. Raises what the driver raises.
        """
        now = monotonic()
        if first not in self._hole:
            self._hole, self._seen_at = range(first, last + 1), now
        if now - self._seen_at < self._fence_after:
            return False
        # A part of what was seen open then has been open since, or has its commit by now.
        await close_positions(self._log, range(first, last + 1)[:CLOSE_AT_ONCE], self._clock)
        return True

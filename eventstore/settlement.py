"""What became of a commit that was not plainly acknowledged: read from the log, never guessed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from domain.kernel.errors import ConcurrencyConflict
from domain.kernel.ports import Clock
from eventstore.commits import first_receipt, new_receipt
from eventstore.driver import Document
from eventstore.fence import close_positions
from eventstore.indexes import VERSION_KEYS, Collections
from eventstore.pending import Pending
from eventstore.streams import Streams

Guard = tuple[str, ...]
"""The keys of the unique index that refused a commit, as the error names them."""

POSITION_GUARD: Guard = ("_id",)
UNKNOWN: Guard = ()
"""No index spoke: a timeout, a lost primary, or no majority in time."""


class Settlement:
    """Finds the outcome of refused and of unacknowledged commits.

    Their positions are closed first by tombstones, which only free positions take: after that nothing can
    land there any more, and whoever is found there owns it.
    """

    def __init__(self, collections: Collections, streams: Streams, clock: Clock) -> None:
        self._collections = collections
        self._streams = streams
        self._clock = clock

    async def settle(self, placed: Mapping[int, Pending], refused: Mapping[int, Guard]) -> None:
        """Give each commit at a refused position its outcome; one that gets none is to be tried again.

        Raises what the driver raises; then, too, those without an outcome are to be tried again.
        """
        log = self._collections.log
        await close_positions(log, refused, self._clock)
        found = await log.find({"_id": {"$in": list(refused)}}).to_list(None)
        holders = {document["_id"]: document for document in found}
        if POSITION_GUARD in refused.values():
            # Positions that are taken: by readers' tombstones, or because the counter went back (failover).
            await self._collections.raise_counter()
        await asyncio.gather(
            *(self._judge(placed[at], guard, holders.get(at)) for at, guard in refused.items())
        )

    async def _judge(self, pending: Pending, guard: Guard, holder: Document | None) -> None:
        if holder is not None and pending.owns(holder):
            pending.land(new_receipt(pending.commit, holder["_id"]))
            return
        if guard == POSITION_GUARD:
            return
        commit = pending.commit
        winner = await self._collections.commit_of(commit.tenant, commit.command_id)
        if winner is not None:
            pending.land(first_receipt(commit, winner))
        elif guard == VERSION_KEYS:
            tip = await self._streams.tip(commit.tenant, commit.stream, commit.expected)
            if tip is not None:
                pending.fail(ConcurrencyConflict(commit.stream, commit.expected, tip.version))

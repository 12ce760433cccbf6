"""The high-water mark: the last position below which the log has no hole, so that nothing appears there."""

from __future__ import annotations

from domain.dispatch.ports import Clock
from eventstore.mongo.driver import unavailable_if_down
from eventstore.mongo.log_collections import LogCollections
from eventstore.options import LogOptions
from eventstore.reading.fence import Fence

PAGE = 10_000
"""Positions that one query reads."""


class HighWaterMark:
    """The high-water mark as far as this process has read.

    A note of it in the database spares a new process the way there.
    """

    def __init__(
        self, collections: LogCollections, clock: Clock, fence_after: float, options: LogOptions
    ) -> None:
        self._collections = collections
        self._fence = Fence(collections.log, clock, fence_after, options)
        self._note_every = options.note_every
        self._position = 0
        self._noted = 0

    async def check_note(self) -> None:
        """Reset a note beyond the end of the log, as the restore of an older backup leaves it.

        A process that trusted it would skip positions that are yet to be written. Raises Unavailable.
        """
        with unavailable_if_down():
            noted = await self._read_note()
            if not await self._collections.reaches(noted):
                await self._collections.counters.update_one(
                    {"_id": "settled", "position": noted}, {"$set": {"position": 0}}
                )

    async def advance(self) -> int:
        """Read on from the last known mark, and return the mark as of now. Raises Unavailable."""
        with unavailable_if_down():
            if not self._position:
                self._position = self._noted = await self._read_note()
            while await self._advance_page():
                pass
            if self._position - self._noted >= self._note_every:
                await self._write_note()
        return self._position

    async def _advance_page(self) -> bool:
        """Move over one page; return whether there may be more."""
        after = self._position
        cursor = self._collections.log.find({"_id": {"$gt": after}}, {"_id": 1}).sort([("_id", 1)])
        positions = [document["_id"] for document in await cursor.limit(PAGE).to_list(None)]
        contiguous = sum(1 for expected, position in enumerate(positions, after + 1) if expected == position)
        self._position = max(self._position, after + contiguous)
        if contiguous < len(positions):
            return await self._fence.close_if_old(after + contiguous + 1, positions[contiguous] - 1)
        return contiguous == PAGE

    async def _read_note(self) -> int:
        note = await self._collections.counters.find_one({"_id": "settled"})
        position: int = note["position"] if note else 0
        return position

    async def _write_note(self) -> None:
        await self._collections.counters.update_one(
            {"_id": "settled"}, {"$max": {"position": self._position}}, upsert=True
        )
        self._noted = self._position

"""The settled watermark: up to where the log has no hole, so that nothing can appear there any more."""

from __future__ import annotations

from domain.dispatch.ports import Clock
from eventstore.mongo.driver import unavailable_if_down
from eventstore.mongo.log_collections import LogCollections
from eventstore.reading.fence import Fence

PAGE = 10_000

KEEP_EVERY = 10_000
"""Positions between two notes of the watermark in the database, which spare a new process the way there."""


class HighWaterMark:
    """What this process knows to be settled."""

    def __init__(self, collections: LogCollections, clock: Clock, fence_after: float) -> None:
        self._collections = collections
        self._fence = Fence(collections.log, clock, fence_after)
        self._position = 0
        self._kept = 0

    async def check(self) -> None:
        """Forget a note of positions that the log does not have, as after the restore of an older backup.

        Whoever trusted it would take positions for settled that are yet to be written. Raises Unavailable.
        """
        with unavailable_if_down():
            noted = await self._load()
            if not await self._collections.reaches(noted):
                await self._collections.counters.update_one(
                    {"_id": "settled", "position": noted}, {"$set": {"position": 0}}
                )

    async def advance(self) -> int:
        """The highest position with no hole up to it, as of now. Raises Unavailable."""
        with unavailable_if_down():
            if not self._position:
                self._position = self._kept = await self._load()
            while await self._step():
                pass
            if self._position - self._kept >= KEEP_EVERY:
                await self._keep()
        return self._position

    async def _step(self) -> bool:
        """Move over one page; whether there may be more."""
        after = self._position
        cursor = self._collections.log.find({"_id": {"$gt": after}}, {"_id": 1}).sort([("_id", 1)])
        found = [document["_id"] for document in await cursor.limit(PAGE).to_list(None)]
        settled = sum(1 for place, position in enumerate(found, after + 1) if place == position)
        self._position = max(self._position, after + settled)
        if settled < len(found):
            return await self._fence.closes(after + settled + 1, found[settled] - 1)
        return settled == PAGE

    async def _load(self) -> int:
        kept = await self._collections.counters.find_one({"_id": "settled"})
        position: int = kept["position"] if kept else 0
        return position

    async def _keep(self) -> None:
        await self._collections.counters.update_one(
            {"_id": "settled"}, {"$max": {"position": self._position}}, upsert=True
        )
        self._kept = self._position

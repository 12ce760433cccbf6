"""Where a group's positions come from: the counter or, while nobody else writes, simply the next."""

from __future__ import annotations

import asyncio
import time
from contextvars import Context

from pymongo import ReturnDocument
from pymongo.errors import PyMongoError

from eventstore.indexes import Collections

SOLE_AFTER = 1.0
"""Seconds in which nobody else took a position, after which this process takes itself for the only writer."""

TELL_EVERY = 0.25
"""Seconds between two messages to the counter at least; as long others may run into what it does not know."""

COUNTER = {"_id": "log"}


class Positions:
    """The positions of one process's groups, each handed out once.

    A reservation costs a round trip before the insert. A process that has been the only writer for a while
    does without: it goes on behind its own last position, and tells the counter beside the insert. What the
    counter answers, or a position found taken, shows that somebody else writes too; then it reserves again.
    It may be wrong about being alone: the log's `_id` is what keeps two commits off one position.
    """

    def __init__(self, collections: Collections) -> None:
        self._collections = collections
        self._last = 0
        """The highest position known to be handed out, here or elsewhere."""
        self._told = 0
        """Where the counter was when it was last heard of."""
        self._alone_since = time.monotonic()
        self._direct = False
        self._reserving = asyncio.Lock()
        self._telling: asyncio.Task[None] | None = None

    async def take(self, count: int, behind: int) -> int:
        """The first of `count` positions, all of them behind `behind`. Raises what the driver raises."""
        if behind > self._last:
            self._meet()
        if not self._direct:
            async with self._reserving:
                if not self._direct:
                    return await self._reserve(count, behind)
        first = self._last + 1
        self._last += count
        if self._telling is None:
            # In a context of its own: the time limit of the group is not the counter's.
            self._telling = asyncio.create_task(self._tell(), context=Context())
        return first

    async def share(self) -> None:
        """A position was not to be had, or nobody knows: reserve from now on, behind all that is in the log.

        There it is also where a failover has put the counter back. Raises what the driver raises.
        """
        self._meet()
        self._last = max(self._last, await self._collections.head())

    async def close(self) -> None:
        """Return when the counter knows all positions that were taken."""
        if self._telling is not None:
            await self._telling

    async def _reserve(self, count: int, behind: int) -> int:
        at_least = max(self._last, behind)
        counter = await self._collections.counters.find_one_and_update(
            COUNTER,
            [{"$set": {"head": {"$add": [{"$max": ["$head", at_least]}, count]}}}],
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        assert counter is not None
        head: int = counter["head"]
        first = head - count + 1
        if first > self._last + 1:
            self._meet()
        elif time.monotonic() - self._alone_since >= SOLE_AFTER:
            self._direct = True
        self._last = max(self._last, head)
        self._told = head
        return first

    async def _tell(self) -> None:
        """Bring the counter to the last position taken, and learn whether somebody else has moved it."""
        try:
            while self._told < self._last:
                last = self._last
                before = await self._collections.counters.find_one_and_update(
                    COUNTER, {"$max": {"head": last}}, upsert=True
                )
                if before is not None and before["head"] > self._told:
                    self._meet()
                self._told = max(self._told, last)
                await asyncio.sleep(TELL_EVERY)
        except PyMongoError:
            # The next reservation makes up for it, or fails where that can be told to somebody.
            self._meet()
        finally:
            self._telling = None

    def _meet(self) -> None:
        """Somebody else writes too, or may."""
        self._direct = False
        self._alone_since = time.monotonic()

"""Reading the log in position order, never past a place that is not settled."""

from __future__ import annotations

from domain.dispatch.ports import Clock
from domain.kernel import Commit
from eventstore.decoder import CommitDecoder
from eventstore.mongo.driver import Collection, Document, unavailable_if_down
from eventstore.reading.fence import Fence


class LogReader:
    """One reader of the log. Every reader of a log sees the same commits at the same positions."""

    def __init__(self, log: Collection, decoder: CommitDecoder, clock: Clock, fence_after: float) -> None:
        self._log = log
        self._decoder = decoder
        self._fence = Fence(log, clock, fence_after)

    async def read(self, after: int, limit: int = 500) -> list[Commit]:
        """The commits that follow position `after` without a hole, at most `limit`, tombstones included.

        Nothing where the log ends, or where a position is still open: it is closed once this reader has found
        it open for `fence_after` seconds, so ask again. Raises Unavailable.
        """
        with unavailable_if_down():
            found = await self._next(after, limit)
            if (
                found
                and found[0]["_id"] > after + 1
                and await self._fence.closes(after + 1, found[0]["_id"] - 1)
            ):
                found = await self._next(after, limit)
        settled = [document for place, document in enumerate(found, after + 1) if document["_id"] == place]
        return await self._decoder.commits(settled)

    async def _next(self, after: int, limit: int) -> list[Document]:
        return await self._log.find({"_id": {"$gt": after}}).sort([("_id", 1)]).limit(limit).to_list(None)

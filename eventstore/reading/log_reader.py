"""Reading the log in the order of positions, up to the first open one."""

from __future__ import annotations

from domain.kernel import Commit
from eventstore.decoder import CommitDecoder
from eventstore.mongo.driver import Collection, Document, unavailable_if_down
from eventstore.reading.fence import Fence


class LogReader:
    """One reader of the log. Every reader of a log sees the same commits at the same positions."""

    def __init__(self, log: Collection, decoder: CommitDecoder, fence: Fence) -> None:
        self._log = log
        self._decoder = decoder
        self._fence = fence

    async def read(self, after: int, limit: int = 500) -> list[Commit]:
        """Return the commits that follow position `after` without a hole, at most `limit`, with tombstones.

        The list is empty at the end of the log, and before an open position. Such a position is closed once
        this reader has seen it open for `fence_after` seconds, so read again. Raises Unavailable.
        """
        with unavailable_if_down():
            documents = await self._next(after, limit)
            if (
                documents
                and documents[0]["_id"] > after + 1
                and await self._fence.close_if_old(after + 1, documents[0]["_id"] - 1)
            ):
                documents = await self._next(after, limit)
        contiguous = [
            document for position, document in enumerate(documents, after + 1) if document["_id"] == position
        ]
        return await self._decoder.commits(contiguous)

    async def _next(self, after: int, limit: int) -> list[Document]:
        return await self._log.find({"_id": {"$gt": after}}).sort([("_id", 1)]).limit(limit).to_list(None)

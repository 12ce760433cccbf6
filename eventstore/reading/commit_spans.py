"""The spans in which commits were stored."""

from __future__ import annotations

from collections.abc import Collection

from eventstore.mongo.driver import Database, unavailable_if_down
from eventstore.mongo.log_collections import LogCollections


class CommitSpans:
    """Reads the spans of commits by their positions, without the commits."""

    def __init__(self, database: Database) -> None:
        self._log = LogCollections.of(database).log

    async def read(self, positions: Collection[int]) -> dict[int, bytes]:
        """Return the packed trace contexts by position; commits without one are left out.

        Raises Unavailable.
        """
        query = {"_id": {"$in": list(positions)}, "span": {"$exists": True}}
        with unavailable_if_down():
            documents = await self._log.find(query, {"span": 1}).to_list(None)
        return {document["_id"]: document["span"] for document in documents}

"""Reads of a few documents over direct connections, which take a third of the time of the driver's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eventstore.mongo.deadline import milliseconds_left
from eventstore.mongo.direct_connection import PATIENCE, DirectConnection, ReplyLost, encode_command
from eventstore.mongo.driver import Collection, Database, Document, Sort
from eventstore.mongo.reads import find

CONNECTIONS = 4
"""Each is opened when all others are busy."""


class DirectReads:
    """Finds documents at read concern `majority`, by the driver where no connection is open or a read fails.

    A connection handles its reads one after the other: only those that an index serves belong here. Datetimes
    of documents may be without a time zone: they are in UTC then.
    """

    def __init__(self, database: Database) -> None:
        self._database = database.name
        self._connections = [DirectConnection(database) for _ in range(CONNECTIONS)]

    async def find(
        self,
        collection: Collection,
        filter: Mapping[str, Any],
        projection: Mapping[str, Any] | None,
        limit: int,
        *,
        sort: Sort = (),
        hint: str | None = None,
    ) -> list[Document]:
        """Return at most `limit` documents that match the filter. Raises what the driver raises."""
        command: dict[str, Any] = {"find": collection.name, "filter": filter}
        if projection is not None:
            command["projection"] = projection
        if sort:
            command["sort"] = dict(sort)
        if hint is not None:
            command["hint"] = hint
        # The first batch is to have all documents.
        command |= {"limit": limit, "batchSize": limit + 1}
        documents = await self._run(command)
        if documents is not None:
            return documents
        cursor = find(collection, filter, projection)
        if sort:
            cursor = cursor.sort(sort)
        if hint is not None:
            cursor = cursor.hint(hint)
        return await cursor.limit(limit).to_list(None)

    async def aclose(self) -> None:
        """Close the connections."""
        for connection in self._connections:
            await connection.close()

    async def _run(self, command: dict[str, Any]) -> list[Document] | None:
        """Return all documents that a command returns; None where the driver has to read them."""
        longest = int(PATIENCE * 1_000)
        command["maxTimeMS"] = min(milliseconds_left() or longest, longest)
        command["readConcern"] = {"level": "majority"}
        message = encode_command(self._database, command)
        for connection in sorted(self._connections, key=lambda connection: connection.waiting):
            reply = connection.send(message)
            if reply is None:
                continue
            try:
                result = await reply
            except ReplyLost:
                return None
            if result["ok"] != 1:
                return None
            cursor = result["cursor"]
            if cursor["id"]:
                # Documents of more than 16 MB together do not fit into one batch.
                kill = {"killCursors": command["find"], "cursors": [cursor["id"]]}
                connection.send(encode_command(self._database, kill))
                return None
            documents: list[Document] = cursor["firstBatch"]
            return documents
        return None

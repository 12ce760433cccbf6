"""The one path of commits into the log: every insert, and what the log holds where one failed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import Enum
from typing import Any

from bson.raw_bson import RawBSONDocument
from pymongo.errors import BulkWriteError, PyMongoError

from domain.dispatch.ports import Clock
from eventstore.mongo.driver import Document
from eventstore.mongo.log_collections import CLAIM_KEYS, COMMAND_KEYS, VERSION_KEYS, LogCollections
from eventstore.mongo.outages import is_outage
from eventstore.reading.fence import close_positions


class InsertFailure(Enum):
    """Why a commit was not acknowledged: the keys of the unique index that refused it, or another reason."""

    POSITION = ("_id",)
    VERSION = VERSION_KEYS
    COMMAND = COMMAND_KEYS
    CLAIM = CLAIM_KEYS
    UNKNOWN = ()
    """No index refused it: a timeout, a lost primary, or no majority in time."""
    NOT_TRIED = None
    """The server stopped before it."""

    @property
    def shows_other_writers(self) -> bool:
        """Whether another writer, or a reader's tombstone, has the position, or may have it."""
        return self in (InsertFailure.POSITION, InsertFailure.UNKNOWN)

    @classmethod
    def from_write_error(cls, error: Mapping[str, Any]) -> InsertFailure:
        return cls(tuple(error.get("keyPattern", ())))


class CommitInserter:
    """Inserts commits at their positions, and closes the positions of those that failed."""

    def __init__(self, collections: LogCollections, clock: Clock) -> None:
        self._log = collections.log
        self._clock = clock

    async def insert(
        self, documents: Mapping[int, RawBSONDocument], *, ordered: bool
    ) -> dict[int, InsertFailure]:
        """Insert the documents, by position; return the failures of those that were not acknowledged.

        With `ordered` the server stops at the first document that it refuses, and the others are NOT_TRIED.
        Raises what the driver raises, except for an outage: then all are UNKNOWN.
        """
        positions = list(documents)
        try:
            await self._log.insert_many(list(documents.values()), ordered=ordered)
        except BulkWriteError as error:
            details = error.details
            failures = dict.fromkeys(
                positions if details["writeConcernErrors"] else (), InsertFailure.UNKNOWN
            )
            for write_error in details["writeErrors"]:
                failures[positions[write_error["index"]]] = InsertFailure.from_write_error(write_error)
            if ordered and failures:
                behind = positions[positions.index(next(reversed(failures))) + 1 :]
                failures |= dict.fromkeys(behind, InsertFailure.NOT_TRIED)
            return failures
        except PyMongoError as error:
            if not is_outage(error):
                raise
            return dict.fromkeys(positions, InsertFailure.UNKNOWN)
        return {}

    async def close(self, positions: Collection[int]) -> dict[int, Document]:
        """Close the positions with tombstones where they are free; return the documents that they hold.

        After that no insert that is still under way can land at them. Raises what the driver raises.
        """
        await close_positions(self._log, positions, self._clock)
        documents = await self._log.find({"_id": {"$in": list(positions)}}).to_list(None)
        return {document["_id"]: document for document in documents}

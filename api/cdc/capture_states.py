"""How far the capture of a foreign collection has come. It is kept beside the log: it is no event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from bson.timestamp import Timestamp

from domain.kernel.errors import ConfigurationError
from eventstore.mongo.driver import Database, unavailable_if_down

CAPTURES = "captures"
"""The collection: a document for each source."""


class CaptureState(NamedTuple):
    """The place in the change stream from which a capture goes on.

    That is behind `token`, or after the time `start` if there is none yet. While `is_copying`, the collection
    has to be copied first.
    """

    start: Timestamp
    is_copying: bool
    token: Mapping[str, Any] | None = None


class CaptureStates:
    """Stores the state of one capture: of the foreign `collection`, for a tenant, under the name `source`."""

    def __init__(self, database: Database, tenant: str, source: str, collection: str) -> None:
        self._captures = database[CAPTURES]
        self._id = {"tenant": tenant, "source": source}
        self._source = source
        self._collection = collection

    async def load(self) -> CaptureState | None:
        """Return the state; None before the first copy.

        Raises ConfigurationError where the source is the name of another collection, and Unavailable.
        """
        with unavailable_if_down():
            stored = await self._captures.find_one({"_id": self._id})
        if stored is None:
            return None
        if stored["collection"] != self._collection:
            raise ConfigurationError(
                f"the source {self._source!r} is the collection {stored['collection']}, not "
                f"{self._collection}; choose another --name"
            )
        return CaptureState(stored["start"], stored["is_copying"], stored.get("token"))

    async def begin_copy(self, start: Timestamp) -> CaptureState:
        """Store that the collection has to be copied, and its changes after `start` are read."""
        return await self._store(CaptureState(start, is_copying=True))

    async def end_copy(self, state: CaptureState) -> CaptureState:
        """Store that the collection is copied."""
        return await self._store(state._replace(is_copying=False))

    async def advance(self, state: CaptureState, token: Mapping[str, Any]) -> CaptureState:
        """Store that all changes before the token are recorded."""
        return await self._store(state._replace(token=token))

    async def _store(self, state: CaptureState) -> CaptureState:
        values = {**state._asdict(), "collection": self._collection}
        with unavailable_if_down():
            await self._captures.update_one({"_id": self._id}, {"$set": values}, upsert=True)
        return state

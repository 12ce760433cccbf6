"""Reads a change stream ahead of what is recorded, in batches of all changes that have arrived."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from bson.timestamp import Timestamp

from api.cdc.document_changes import ENDS, OPERATIONS
from api.cdc.foreign_collection import ChangeStream, ForeignCollection

MAX_BATCH = 500
"""Changes of a batch."""

READ_AHEAD = 2 * MAX_BATCH
"""Changes that are read before they are recorded."""

CANCEL_AGAIN_AFTER = 0.1
"""Seconds: the driver may drop a cancellation, see `eventstore.mongo.cancellation`."""


def token_time(token: Mapping[str, Any]) -> Timestamp:
    """Return the time of the change behind which a token resumes.

    Its ``_data`` is hexadecimal: a byte for the type, then the time in eight bytes.
    """
    data: str = token["_data"]
    return Timestamp(int(data[2:10], 16), int(data[10:18], 16))


class ChangeBatch(NamedTuple):
    """Changes in their order; the stream is resumed behind `token` once they are recorded.

    `has_ended`: after them the collection was dropped or renamed. `is_last`: the server had no more of them.
    """

    changes: list[Mapping[str, Any]]
    token: Mapping[str, Any] | None
    has_ended: bool
    is_last: bool

    def reaches(self, time: Timestamp) -> bool:
        """Return whether the server has no further change until this time."""
        return self.is_last and self.token is not None and token_time(self.token) >= time


class _Reading(NamedTuple):
    """One reading of the stream: an event, or None where the server had none."""

    event: Mapping[str, Any] | None
    token: Mapping[str, Any] | None

    @property
    def operation(self) -> str | None:
        operation: str | None = None if self.event is None else self.event["operationType"]
        return operation


class ChangeReader:
    """Reads the stream of a collection in a task of its own, until it fails or the collection is gone."""

    def __init__(self, collection: ForeignCollection, stream: ChangeStream) -> None:
        self._collection = collection
        self._stream = stream
        self._readings: asyncio.Queue[_Reading | Exception] = asyncio.Queue(READ_AHEAD)
        self._failure: Exception | None = None
        self._task = asyncio.create_task(self._read())

    async def next_batch(self) -> ChangeBatch:
        """Wait for a reading, and return all that were made by then. Raises the error that ended reading."""
        readings = [await self._next()]
        while len(readings) < MAX_BATCH and not self._readings.empty():
            reading = self._readings.get_nowait()
            if isinstance(reading, Exception):
                self._failure = reading
                break
            readings.append(reading)
        last = readings[-1]
        return ChangeBatch(
            changes=[
                reading.event for reading in readings if reading.event and reading.operation in OPERATIONS
            ],
            token=last.token,
            has_ended=last.operation in ENDS,
            is_last=last.event is None,
        )

    async def close(self) -> None:
        """Stop reading."""
        while not self._task.done():
            self._task.cancel()
            await asyncio.wait((self._task,), timeout=CANCEL_AGAIN_AFTER)

    async def _next(self) -> _Reading:
        if self._failure is not None:
            raise self._failure
        reading = await self._readings.get()
        if isinstance(reading, Exception):
            raise reading
        return reading

    async def _read(self) -> None:
        reading = _Reading(None, None)
        try:
            while reading.operation not in ENDS:
                reading = await self._read_once()
                await self._readings.put(reading)
        except Exception as error:
            await self._readings.put(error)

    async def _read_once(self) -> _Reading:
        event = await self._stream.try_next()
        if event is None:
            return _Reading(None, self._stream.resume_token)
        if event["operationType"] == "update" and event.get("fullDocument") is None:
            document = await self._collection.find(event["documentKey"]["_id"])
            event = {**event, "fullDocument": document}
        return _Reading(event, event["_id"])


@asynccontextmanager
async def reading(collection: ForeignCollection, stream: ChangeStream) -> AsyncIterator[ChangeReader]:
    """Read the stream inside the context."""
    reader = ChangeReader(collection, stream)
    try:
        yield reader
    finally:
        await reader.close()

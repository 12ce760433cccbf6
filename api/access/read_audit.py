"""The record of reads of personal data and events. It has a collection of its own: a read is no event."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from bson import ObjectId
from pymongo import ReplaceOne

from api.access.background_writer import BackgroundWriter
from domain.kernel import Scope
from eventstore.mongo.driver import Database, Document, unavailable_if_down

AUDIT_READS = "audit_reads"
"""The collection: a document for each operation that read something which is recorded."""

INTERVAL = 1.0
"""Seconds between writes."""


class ReadAudit:
    """Records reads in the background, so that no request waits for it."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._reads = database[AUDIT_READS]
        self._clock = clock
        self._writer = BackgroundWriter(self._reads, "reads", INTERVAL)

    def note(self, scope: Scope, operation: str | None, document: str, fields: Sequence[str]) -> None:
        """Note that a caller reads these fields just now, by an operation of this name and document hash."""
        read = {
            "_id": ObjectId(),
            "at": self._clock(),
            "tenant": scope.tenant,
            "actor": scope.actor,
            "authentication": scope.authentication,
            "operation": operation,
            "document": document,
            "fields": list(fields),
        }
        self._writer.add(read["_id"], ReplaceOne({"_id": read["_id"]}, read, upsert=True))

    @asynccontextmanager
    async def recording(self) -> AsyncIterator[None]:
        """Write what is noted inside the context, and at its end."""
        with unavailable_if_down():
            await self._reads.create_index([("tenant", 1), ("at", 1)])
        async with self._writer.writing():
            yield


async def recorded_reads(
    database: Database,
    tenant: str | None,
    actor: str | None,
    since: datetime | None,
    until: datetime | None,
) -> AsyncGenerator[Document, None]:
    """Yield the recorded reads that meet every condition that is not None, in the order of their times.

    Raises Unavailable.
    """
    wanted: Document = {
        name: each for name, each in (("tenant", tenant), ("actor", actor)) if each is not None
    }
    times = {operator: time for operator, time in (("$gte", since), ("$lt", until)) if time is not None}
    if times:
        wanted["at"] = times
    with unavailable_if_down():
        async for read in database[AUDIT_READS].find(wanted, {"_id": 0}).sort([("at", 1)]):
            yield read

"""Who has read personal data and events, recorded beside the log: a read changes nothing."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime

from bson import ObjectId
from pymongo import ReplaceOne

from domain.kernel import Scope
from domain.kernel.errors import Unavailable
from eventstore.mongo.driver import Database, Document, unavailable_if_down
from subscriptions.feed.background import BackgroundLoop

logger = logging.getLogger(__name__)

AUDIT_READS = "audit_reads"
"""The collection: a document for each operation that read something which is recorded."""

INTERVAL = 1.0
"""Seconds between writes. What was noted since the last one is lost if the process is killed."""

MAX_WAITING = 10_000
"""Reads that wait while MongoDB does not answer. Further ones are lost, and the log says how many."""


class ReadAudit:
    """Records reads in the background, so that no request waits for it."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._reads = database[AUDIT_READS]
        self._clock = clock
        self._waiting: list[Document] = []
        self._lost = 0

    def note(self, scope: Scope, operation: str | None, document: str, fields: Sequence[str]) -> None:
        """Note that a caller reads these fields just now, by an operation of this name and document hash."""
        if len(self._waiting) >= MAX_WAITING:
            self._lost += 1
            return
        self._waiting.append(
            {
                "_id": ObjectId(),
                "at": self._clock(),
                "tenant": scope.tenant,
                "actor": scope.actor,
                "authentication": scope.authentication,
                "operation": operation,
                "document": document,
                "fields": list(fields),
            }
        )

    @asynccontextmanager
    async def recording(self) -> AsyncIterator[None]:
        """Write what is noted inside the context, and at its end."""
        with unavailable_if_down():
            await self._reads.create_index([("tenant", 1), ("at", 1)])
        loop = BackgroundLoop(self._write, "reads are not recorded", logger)
        loop.start()
        try:
            yield
        finally:
            await loop.stop()
            with suppress(Unavailable):
                await self._write()

    async def _write(self) -> float:
        reads, self._waiting = self._waiting, []
        if reads:
            try:
                with unavailable_if_down():
                    # By their ids, so that what a failed write has stored is not stored twice.
                    writes = [ReplaceOne({"_id": read["_id"]}, read, upsert=True) for read in reads]
                    await self._reads.bulk_write(writes, ordered=False)
            except BaseException:
                self._waiting = reads + self._waiting
                raise
        if self._lost:
            logger.error(
                "%d reads were not recorded, because MongoDB did not answer for too long", self._lost
            )
            self._lost = 0
        return INTERVAL


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

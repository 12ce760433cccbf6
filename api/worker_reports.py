"""What single workers know about a deployment, shared by a collection of MongoDB."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple
from uuid import uuid4

from domain.kernel.errors import Unavailable
from eventstore.mongo.driver import Database, unavailable_if_down

WORKER_REPORTS = "worker_reports"
"""The collection: a document for each worker that has something to report."""


class WorkerReport(NamedTuple):
    """What one worker knows: ports that it leaves alone, why it could not archive, and its store."""

    open_circuits: Sequence[str] = ()
    archive_failure: str | None = None
    archive_url: str | None = None


class WorkerReports:
    """The reports of all workers. A report counts for `validity` seconds, by the server's clock.

    Every method but `withdraw` raises Unavailable.
    """

    def __init__(self, database: Database, validity: float) -> None:
        self._reports = database[WORKER_REPORTS]
        self._oldest = {"$subtract": ["$$NOW", round(validity * 1000)]}
        self._worker = uuid4().hex
        self._is_stored = False

    async def write(self, report: WorkerReport) -> None:
        """Store the report of this worker."""
        fields = {name: {"$literal": value} for name, value in report._asdict().items()}
        with unavailable_if_down():
            self._is_stored = True
            await self._reports.update_one(
                {"_id": self._worker}, [{"$set": {**fields, "at": "$$NOW"}}], upsert=True
            )

    async def read(self) -> Sequence[WorkerReport]:
        """Return the reports that count, and remove the others."""
        with unavailable_if_down():
            await self._reports.delete_many({"$expr": {"$lt": ["$at", self._oldest]}})
            documents = await self._reports.find().sort([("_id", 1)]).to_list(None)
        return [WorkerReport(*(each[field] for field in WorkerReport._fields)) for each in documents]

    async def withdraw(self) -> None:
        """Remove the report of this worker at its end; where MongoDB does not answer, it expires."""
        if self._is_stored:
            with suppress(Unavailable), unavailable_if_down():
                await self._reports.delete_one({"_id": self._worker})

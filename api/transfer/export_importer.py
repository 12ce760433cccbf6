"""Imports an export: commits in batches and in order, each at most once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from api.transfer.command_importer import ImportReport
from api.transfer.export_reader import ExportedCommit, begins_with_event, read_commits
from api.transfer.import_files import JSON_LINES, file_suffix, open_file
from api.transfer.rows import RefusedRow
from domain.kernel import Catalog, NerveError
from domain.kernel.errors import ConcurrencyConflict
from eventstore.integrity.event_schemas import SchemasOfLog
from eventstore.log import EventLog

BATCH = 500
"""Maximum number of commits that are stored together."""

BATCH_BYTES = 8_000_000
"""Size of the lines of a batch at which it is stored, in bytes."""


def is_export(path: Path) -> bool:
    """Return whether `nerve export` wrote the file. Raises ValidationFailed where it cannot be read."""
    if file_suffix(path) not in JSON_LINES:
        return False
    with open_file(path) as stream:
        return begins_with_event(stream)


@dataclass(frozen=True)
class ExportImporter:
    """Imports files that `nerve export` wrote; each commit is stored unchanged.

    `log_schemas` are the event schemas that the log stores. `on_progress` is called after each batch,
    `on_refused` for each commit that is not imported. In the report, rows are commits.
    """

    catalog: Catalog
    log: EventLog
    on_progress: Callable[[ImportReport], None] = lambda report: None
    on_refused: Callable[[RefusedRow], None] = lambda row: None
    log_schemas: SchemasOfLog = field(default_factory=dict)

    async def run(self, path: Path) -> ImportReport:
        """Import the file and return the report.

        Raises ValidationFailed where the file cannot be read, and Unavailable where MongoDB fails: commits
        stored by then remain, and the next run continues after them.
        """
        report, batch, size = ImportReport(), list[ExportedCommit](), 0
        with open_file(path) as stream:
            for row in read_commits(stream, self.catalog, self.log_schemas):
                if isinstance(row, RefusedRow):
                    self._refuse(row, report)
                    continue
                batch.append(row)
                size += row.size
                if len(batch) == BATCH or size > BATCH_BYTES:
                    await self._store(batch, report)
                    batch, size = [], 0
        await self._store(batch, report)
        return report

    async def _store(self, batch: Sequence[ExportedCommit], report: ImportReport) -> None:
        outcomes = await self.log.restore([row.commit for row in batch]) if batch else []
        for row, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, bool):
                report.rows += 1
                report.stored += outcome
                report.already_stored += not outcome
            else:
                self._refuse(RefusedRow(row.line, _reason(outcome)), report)
        report.seconds = monotonic() - report.started
        self.on_progress(report)

    def _refuse(self, row: RefusedRow, report: ImportReport) -> None:
        report.rows += 1
        report.refused += 1
        self.on_refused(row)


def _reason(error: NerveError) -> str:
    """Return why a commit was not stored, in the words of an import."""
    if not isinstance(error, ConcurrencyConflict):
        return str(error)
    return (
        f"continues {error.stream} after version {error.expected}, but this log has it at version "
        f"{error.actual}; import an export that has the stream from its first event, into a log without "
        "other events of it"
    )

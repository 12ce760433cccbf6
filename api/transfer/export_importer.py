"""Running the import of an export: commits in batches, in their order, each at most once ever."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from api.transfer.command_importer import ImportReport
from api.transfer.export_reader import ExportedCommit, begins_with_event, read_commits
from api.transfer.import_files import CLOUDEVENTS, file_suffix, open_file
from api.transfer.rows import RefusedRow
from domain.kernel import Catalog
from eventstore.integrity.event_schemas import SchemasOfLog
from eventstore.log import EventLog

BATCH = 500
"""Commits that are stored together at most."""

BATCH_BYTES = 8_000_000
"""Size of their lines, about."""


def is_export(path: Path) -> bool:
    """Whether `nerve export` wrote the file; raises ValidationFailed where it cannot be read."""
    if file_suffix(path) not in CLOUDEVENTS:
        return False
    with open_file(path) as stream:
        return begins_with_event(stream)


@dataclass(frozen=True)
class ExportImporter:
    """Imports what `nerve export` wrote, commit by commit as they were.

    `progress` is called after each batch, `refuse` with each commit that is left out. `of_log` are the
    schemas that the log keeps. In the report rows are commits.
    """

    catalog: Catalog
    log: EventLog
    progress: Callable[[ImportReport], None] = lambda report: None
    refuse: Callable[[RefusedRow], None] = lambda refused: None
    of_log: SchemasOfLog = field(default_factory=dict)

    async def run(self, path: Path) -> ImportReport:
        """Import the file and tell how it went.

        Raises ValidationFailed where the file cannot be read, and Unavailable where MongoDB gives up: what
        was stored by then stays, and the next run goes on from there.
        """
        report, batch, size = ImportReport(), list[ExportedCommit](), 0
        with open_file(path) as stream:
            for row in read_commits(stream, self.catalog, self.of_log):
                if isinstance(row, RefusedRow):
                    self._left_out(row, report)
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
                report.known += not outcome
            else:
                self._left_out(RefusedRow(row.line, str(outcome)), report)
        report.seconds = monotonic() - report.started
        self.progress(report)

    def _left_out(self, row: RefusedRow, report: ImportReport) -> None:
        report.rows += 1
        report.refused += 1
        self.refuse(row)

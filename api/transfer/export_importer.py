"""Imports an export: commits in batches and in order, each at most once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from api.transfer.export_reader import ExportedCommit, begins_with_event, read_commits
from api.transfer.import_files import JSON_LINES, file_suffix, open_file
from api.transfer.import_report import ImportReport, RowOutcome
from api.transfer.rows import RefusedRow
from domain.dispatch.ports import NewCommit
from domain.kernel import Catalog, NerveError
from domain.kernel.errors import CommandIdReused, ConcurrencyConflict
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
    `on_refused` for each commit that is not imported. In the report, rows are commits. A `dry_run` stores
    nothing; it does not check whether commits continue the streams of the log.
    """

    catalog: Catalog
    log: EventLog
    on_progress: Callable[[ImportReport], None] = lambda report: None
    on_refused: Callable[[RefusedRow], None] = lambda row: None
    log_schemas: SchemasOfLog = field(default_factory=dict)
    dry_run: bool = False

    async def run(self, path: Path) -> ImportReport:
        """Import the file and return the report.

        Raises ValidationFailed where the file cannot be read, and Unavailable where MongoDB fails: commits
        stored by then remain, and the next run continues after them.
        """
        report, batch, size = ImportReport(), list[ExportedCommit](), 0
        with open_file(path) as stream:
            for row in read_commits(stream, self.catalog, self.log_schemas):
                if isinstance(row, RefusedRow):
                    self._refuse(row, report, RowOutcome.REFUSED)
                    continue
                batch.append(row)
                size += row.size
                if len(batch) == BATCH or size > BATCH_BYTES:
                    await self._store(batch, report)
                    batch, size = [], 0
        await self._store(batch, report)
        return report

    async def _store(self, batch: Sequence[ExportedCommit], report: ImportReport) -> None:
        outcomes = await self._restore([row.commit for row in batch]) if batch else []
        for row, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, bool):
                report.outcomes[RowOutcome.STORED if outcome else RowOutcome.KNOWN] += 1
                report.stored += outcome
                report.already_stored += not outcome
            else:
                is_conflict = isinstance(outcome, ConcurrencyConflict | CommandIdReused)
                self._refuse(
                    RefusedRow(row.line, _reason(outcome)),
                    report,
                    RowOutcome.CONFLICTING if is_conflict else RowOutcome.REFUSED,
                )
        report.seconds = monotonic() - report.started
        self.on_progress(report)

    async def _restore(self, commits: Sequence[NewCommit]) -> Sequence[bool | NerveError]:
        """Store the commits; in a dry run, return which of them the log does not have."""
        if not self.dry_run:
            return await self.log.restore(commits)
        ids: dict[str, set[str]] = defaultdict(set)
        for commit in commits:
            ids[commit.tenant].add(commit.command_id)
        stored = {tenant: await self.log.stored_commands(tenant, ids[tenant]) for tenant in ids}
        return [commit.command_id not in stored[commit.tenant] for commit in commits]

    def _refuse(self, row: RefusedRow, report: ImportReport, outcome: RowOutcome) -> None:
        report.outcomes[outcome] += 1
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

"""Imports a file of commands: in batches, through the command bus, each command at most once."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from time import monotonic

from api.transfer.import_files import FileReader, reader_of
from api.transfer.rows import PlannedRow, RefusedRow
from domain.dispatch import CommandBus
from domain.dispatch.ports import StoredCommand
from domain.kernel import AlreadyExists, InvariantViolated, NotFound, Scope
from domain.kernel.errors import CommandIdReused, ConcurrencyConflict, ValidationFailed
from eventstore.log import EventLog

BATCH = 1000
"""Rows whose commands are looked up and run together."""

CONCURRENCY = 128
"""Rows of a batch that run at once."""

RowTask = asyncio.Task[None]

REFUSALS = (ValidationFailed, NotFound, InvariantViolated, ConcurrencyConflict, CommandIdReused)


@dataclass(slots=True)
class ImportReport:
    """The progress of an import: rows read, and what became of their commands.

    `stored` commands changed something in this run, `already_stored` ones in an earlier run.
    """

    total: int | None = None
    rows: int = 0
    refused: int = 0
    stored: int = 0
    already_stored: int = 0
    started: float = field(default_factory=monotonic)
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Rows per second."""
        return self.rows / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class CommandImporter:
    """Imports files of commands through the bus.

    `readers` are the readers by file suffix. `on_progress` is called after each batch, `on_refused` for each
    row that is not imported. Rows that name the same stream run in the order of the file, others run
    concurrently. The id of each command follows from its row, so a second run finds the command stored and
    adds nothing, and an interrupted run can be continued.
    """

    bus: CommandBus
    log: EventLog
    readers: Mapping[str, FileReader]
    on_progress: Callable[[ImportReport], None] = lambda report: None
    on_refused: Callable[[RefusedRow], None] = lambda row: None
    scope: Scope = field(default_factory=Scope)

    async def run(self, path: Path) -> ImportReport:
        """Import the file and return the report.

        Raises ValidationFailed where the file as a whole cannot be imported, and Overloaded or Unavailable
        where a server fails: commands stored by then remain, and the next run continues after them.
        """
        report = ImportReport()
        rows = self._rows(path, report)
        while batch := list(islice(rows, BATCH)):
            await self._run_batch(batch, report)
            report.rows += len(batch)
            report.seconds = monotonic() - report.started
            self.on_progress(report)
        return report

    def _rows(self, path: Path, report: ImportReport) -> Iterator[PlannedRow | RefusedRow]:
        rows, report.total = reader_of(path, self.readers)(path, self.scope)
        return rows

    async def _run_batch(self, batch: Sequence[PlannedRow | RefusedRow], report: ImportReport) -> None:
        planned = [row for row in batch if isinstance(row, PlannedRow)]
        ids = {str(step.envelope.command_id) for row in planned for step in row.steps}
        stored = await self.log.stored_commands(self.scope.tenant, ids)
        conflicts = self._id_conflicts(planned, stored)
        repeated = {
            str(step.envelope.command_id)
            for row in planned
            if row.line not in conflicts
            for step in row.steps
        }
        report.already_stored += len(repeated & stored.keys())
        order = _RowOrder()
        slots = asyncio.Semaphore(CONCURRENCY)
        try:
            async with asyncio.TaskGroup() as group:
                for row in batch:
                    if isinstance(row, RefusedRow):
                        self._refuse(row, report)
                    elif row.line in conflicts:
                        self._refuse(conflicts[row.line], report)
                    elif remaining := row.without(stored):
                        before = order.predecessors(remaining)
                        task = group.create_task(self._run_row(remaining, before, slots, report))
                        order.add(remaining, task)
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None

    def _id_conflicts(
        self, rows: Sequence[PlannedRow], stored_commands: Mapping[str, StoredCommand]
    ) -> dict[int, RefusedRow]:
        """Return the rows whose command ids are stored with other commands, by line."""
        conflicts = {}
        for row in rows:
            for step in row.steps:
                stored = None if step.derived_id else stored_commands.get(str(step.envelope.command_id))
                if stored is not None:
                    try:
                        self.bus.check_same(step.envelope, stored)
                    except CommandIdReused as error:
                        conflicts[row.line] = RefusedRow(row.line, str(error))
        return conflicts

    async def _run_row(
        self, row: PlannedRow, before: set[RowTask], slots: asyncio.Semaphore, report: ImportReport
    ) -> None:
        if before:
            await asyncio.wait(before)
        async with slots:
            for step in row.steps:
                try:
                    receipt = await self.bus.dispatch(step.envelope)
                except REFUSALS as error:
                    if step.allow_existing and isinstance(error, AlreadyExists):
                        continue
                    if step.derived_id and isinstance(error, CommandIdReused):
                        report.already_stored += 1
                        continue
                    self._refuse(RefusedRow(row.line, str(error)), report)
                    return
                if receipt.replayed:
                    report.already_stored += 1
                elif receipt.changed:
                    report.stored += 1

    def _refuse(self, row: RefusedRow, report: ImportReport) -> None:
        report.refused += 1
        self.on_refused(row)


class _RowOrder:
    """Which rows of a batch must finish before another row may start.

    A row waits for the last earlier row that writes a stream that it names. If it writes a stream itself, it
    also waits for the rows that have read the stream since.
    """

    def __init__(self) -> None:
        self._writer: dict[str, RowTask] = {}
        self._readers: dict[str, set[RowTask]] = defaultdict(set)

    def predecessors(self, row: PlannedRow) -> set[RowTask]:
        writers = {self._writer[name] for name in row.writes() | row.reads() if name in self._writer}
        return writers.union(*(self._readers[name] for name in row.writes()))

    def add(self, row: PlannedRow, task: RowTask) -> None:
        for name in row.writes():
            self._writer[name] = task
            self._readers[name].clear()
        for name in row.reads():
            self._readers[name].add(task)

"""Imports a file of commands: in batches, through the command bus, each command at most once."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Container, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import Protocol

from api.transfer.import_files import reader_of
from api.transfer.import_options import FileReader, ImportOptions, check_has_rows
from api.transfer.import_report import ImportReport, RowOutcome
from api.transfer.rows import ImportStep, PlannedRow, RefusedRow
from domain.dispatch.ports import StoredCommand
from domain.kernel import AlreadyExists, Envelope, InvariantViolated, NerveError, NotFound, Receipt
from domain.kernel.errors import CommandIdReused, ConcurrencyConflict, ValidationFailed

BATCH = 1000
"""Rows whose commands are looked up and run together."""

CONCURRENCY = 128
"""Rows of a batch that run at once."""

RowTask = asyncio.Task[None]

REFUSALS = (ValidationFailed, NotFound, InvariantViolated, ConcurrencyConflict, CommandIdReused)


class CommandDispatcher(Protocol):
    """Runs commands; the bus does, and a rehearsal that stores nothing."""

    async def dispatch(self, envelope: Envelope) -> Receipt: ...

    def check_same(self, envelope: Envelope, first: StoredCommand) -> None: ...


class CommandLookup(Protocol):
    """Looks up stored commands, as the log does."""

    async def stored_commands(
        self, tenant: str, command_ids: Collection[str]
    ) -> Mapping[str, StoredCommand]: ...


@dataclass(frozen=True)
class CommandImporter:
    """Imports files of commands through the bus.

    `readers` are the readers by file suffix. `on_progress` is called after each batch, `on_refused` for each
    row that is not imported. Rows that name the same stream run in the order of the file, others run
    concurrently. The id of each command follows from its row, so a second run finds the command stored and
    adds nothing, and an interrupted run can be continued.
    """

    bus: CommandDispatcher
    log: CommandLookup
    readers: Mapping[str, FileReader]
    on_progress: Callable[[ImportReport], None] = lambda report: None
    on_refused: Callable[[RefusedRow], None] = lambda row: None
    options: ImportOptions = field(default_factory=ImportOptions)

    async def run(self, path: Path) -> ImportReport:
        """Import the file and return the report.

        Raises ValidationFailed where the file as a whole cannot be imported, and Overloaded or Unavailable
        where a server fails: commands stored by then remain, and the next run continues after them.
        """
        report = ImportReport()
        reader = reader_of(path, self.readers)
        rows, report.total = await reader(path, self.options, self._stored_commands)
        run = _ImportRun(self.bus, self.on_refused, report)
        while batch := list(islice(rows, BATCH)):
            planned = [row for row in batch if isinstance(row, PlannedRow)]
            ids = {str(step.envelope.command_id) for row in planned for step in row.steps}
            await run.run_batch(batch, await self._stored_commands(ids))
            report.seconds = monotonic() - report.started
            self.on_progress(report)
        check_has_rows(path, report.rows)
        return report

    async def _stored_commands(self, ids: Collection[str]) -> Mapping[str, StoredCommand]:
        return await self.log.stored_commands(self.options.scope.tenant, ids)


class _ImportRun:
    """One run over a file, which counts the outcome of each row."""

    def __init__(
        self, bus: CommandDispatcher, on_refused: Callable[[RefusedRow], None], report: ImportReport
    ) -> None:
        self._bus = bus
        self._on_refused = on_refused
        self._report = report
        self._taken: set[str] = set()
        """Streams with ids of the file's own that turned out to be about something else."""

    async def run_batch(
        self, batch: Sequence[PlannedRow | RefusedRow], stored: Mapping[str, StoredCommand]
    ) -> None:
        """Run the rows of a batch, of whose commands `stored` are in the log."""
        order = _RowOrder()
        slots = asyncio.Semaphore(CONCURRENCY)
        try:
            async with asyncio.TaskGroup() as group:
                for row in batch:
                    if isinstance(row, RefusedRow):
                        self._refuse(row.line, row.reason, RowOutcome.REFUSED)
                    elif reason := self._id_conflict(row, stored):
                        self._refuse(row.line, reason, RowOutcome.CONFLICTING)
                    elif remaining := self._without_stored(row, stored):
                        before = order.predecessors(remaining)
                        task = group.create_task(self._run_row(remaining, before, slots))
                        order.add(remaining, task)
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None

    def _id_conflict(self, row: PlannedRow, stored_commands: Mapping[str, StoredCommand]) -> str | None:
        """Return why a command id of the row is stored with another command; None if none is."""
        for step in row.steps:
            stored = None if step.derived_id else stored_commands.get(str(step.envelope.command_id))
            if stored is not None:
                try:
                    self._bus.check_same(step.envelope, stored)
                except CommandIdReused as error:
                    self._block(step)
                    return str(error)
        return None

    def _block(self, step: ImportStep) -> None:
        """Keep later rows of a stream out that belongs to something else."""
        if step.own_id and step.envelope.command.creates:
            self._taken.add(str(step.envelope.command.target))

    def _without_stored(self, row: PlannedRow, stored: Container[str | None]) -> PlannedRow | None:
        remaining = row.without(stored)
        self._report.already_stored += len(row.steps) - (0 if remaining is None else len(remaining.steps))
        if remaining is None:
            self._report.outcomes[RowOutcome.KNOWN] += 1
        return remaining

    async def _run_row(self, row: PlannedRow, before: set[RowTask], slots: asyncio.Semaphore) -> None:
        if before:
            await asyncio.wait(before)
        if taken := self._taken & row.writes():
            reason = f"{min(taken)} is stored with other content; use --source if it is something else"
            self._refuse(row.line, reason, RowOutcome.CONFLICTING)
            return
        outcome = RowOutcome.KNOWN
        async with slots:
            for step in row.steps:
                try:
                    if await self._run_step(step):
                        outcome = RowOutcome.STORED
                except REFUSALS as error:
                    self._block(step)
                    self._refuse(row.line, str(error), _outcome_of(error, step))
                    return
        self._report.outcomes[outcome] += 1

    async def _run_step(self, step: ImportStep) -> bool:
        """Run a command; return whether it was not stored before. Raises its refusal."""
        try:
            receipt = await self._bus.dispatch(step.envelope)
        except AlreadyExists:
            if step.allow_existing:
                return False
            raise
        except CommandIdReused:
            if not step.derived_id:
                raise
            self._report.already_stored += 1
            return False
        if receipt.replayed:
            self._report.already_stored += 1
        elif receipt.changed:
            self._report.stored += 1
        return not receipt.replayed

    def _refuse(self, line: int, reason: str, outcome: RowOutcome) -> None:
        self._report.outcomes[outcome] += 1
        self._on_refused(RefusedRow(line, reason))


def _outcome_of(error: NerveError, step: ImportStep) -> RowOutcome:
    """Return whether a refusal shows that something else is stored under the id of the row."""
    if isinstance(error, AlreadyExists | CommandIdReused | ConcurrencyConflict):
        return RowOutcome.CONFLICTING
    contradicts = step.own_id and not step.envelope.command.creates and isinstance(error, InvariantViolated)
    return RowOutcome.CONFLICTING if contradicts else RowOutcome.REFUSED


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

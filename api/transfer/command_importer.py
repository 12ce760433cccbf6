"""Imports a file of commands through the command bus: many rows at once, each command at most once."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Collection, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import Protocol

from api.transfer.import_files import reader_of
from api.transfer.import_options import FileReader, ImportOptions, StoredCommands, check_has_rows
from api.transfer.import_report import ImportReport, RowOutcome
from api.transfer.row_order import ImportOrder, RowTask
from api.transfer.rows import ImportStep, PlannedRow, RefusedRow, RowStreams
from domain.dispatch.ports import StoredCommand
from domain.kernel import AlreadyExists, Envelope, InvariantViolated, NerveError, NotFound, Receipt
from domain.kernel.errors import CommandIdReused, ConcurrencyConflict, ValidationFailed

PAGE = 250
"""Rows whose commands are looked up together."""

WINDOW = 1_000
"""Rows that have begun and not ended, at most. Some of them wait for others."""

CONCURRENCY = 256
"""Rows whose commands run at once; the more, the more commits share one insert."""

PROGRESS_EVERY = 100
"""Rows between two reports of the progress."""

GARBAGE_THRESHOLD = 50_000
"""New containers between two runs of the cycle collector: rows have tens of thousands of them and no cycle,
and with Python's default of 700 the runs took a quarter of the time."""

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

    `readers` are the readers by file suffix. `on_progress` is called from time to time and at the end,
    `on_refused` for each row that is not imported. Rows that name the same stream run in the order of the
    file, others run concurrently. Each command is a commit of its own, which the log stores in groups. The id
    of each command follows from its row, so a second run finds the command stored and adds nothing, and an
    interrupted run can be continued. Only a bounded number of rows is in memory.
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
        with _rare_garbage_collection():
            await _ImportRun(self, report).run(rows, self._stored_commands)
        check_has_rows(path, report.rows)
        return report

    async def _stored_commands(self, ids: Collection[str]) -> Mapping[str, StoredCommand]:
        return await self.log.stored_commands(self.options.scope.tenant, ids)


@contextmanager
def _rare_garbage_collection() -> Iterator[None]:
    threshold, *others = gc.get_threshold()
    gc.set_threshold(GARBAGE_THRESHOLD, *others)
    try:
        yield
    finally:
        gc.set_threshold(threshold, *others)


class _ImportRun:
    """One run over a file, which counts the outcome of each row."""

    def __init__(self, importer: CommandImporter, report: ImportReport) -> None:
        self._bus = importer.bus
        self._on_refused = importer.on_refused
        self._on_progress = importer.on_progress
        self._report = report
        self._order = ImportOrder()
        self._window = asyncio.Semaphore(WINDOW)
        self._slots = asyncio.Semaphore(CONCURRENCY)
        self._taken: set[str] = set()
        """Streams with ids of the file's own that turned out to be about something else."""

    async def run(self, rows: Iterator[PlannedRow | RefusedRow], look_up: StoredCommands) -> None:
        """Run all rows; the next page is looked up while rows of earlier ones run."""
        try:
            async with asyncio.TaskGroup() as group:
                while page := list(islice(rows, PAGE)):
                    await self._run_page(page, look_up, group)
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        self._report_progress()

    async def _run_page(
        self, page: Sequence[PlannedRow | RefusedRow], look_up: StoredCommands, group: asyncio.TaskGroup
    ) -> None:
        """Start the rows of a page; it returns before they have ended, so that the next ones join them."""
        planned = [row for row in page if isinstance(row, PlannedRow)]
        stored = await look_up({str(step.envelope.command_id) for row in planned for step in row.steps})
        for row in page:
            if isinstance(row, RefusedRow):
                self._refuse(row.line, row.reason, RowOutcome.REFUSED)
            elif reason := self._id_conflict(row, stored):
                self._refuse(row.line, reason, RowOutcome.CONFLICTING)
                if remaining := row.without(stored):
                    await self._begin_row(remaining, group, is_refused=True)
            elif remaining := self._without_stored(row, stored):
                await self._begin_row(remaining, group)

    async def _begin_row(
        self, row: PlannedRow, group: asyncio.TaskGroup, *, is_refused: bool = False
    ) -> None:
        await self._window.acquire()
        streams = row.streams()
        predecessors = self._order.predecessors(streams)
        task = group.create_task(self._run_row(row, streams, predecessors, is_refused=is_refused))
        self._order.begin(streams, task)
        task.add_done_callback(partial(self._end_row, streams))

    def _end_row(self, streams: RowStreams, task: RowTask) -> None:
        self._order.end(streams, task)
        self._window.release()

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
            self._count(RowOutcome.KNOWN)
        return remaining

    async def _run_row(
        self, row: PlannedRow, streams: RowStreams, predecessors: Collection[RowTask], *, is_refused: bool
    ) -> None:
        if predecessors:
            await asyncio.wait(predecessors)
        if not is_refused and (taken := self._taken & streams.writes):
            reason = f"{min(taken)} is stored with other content; use --source if it is something else"
            self._refuse(row.line, reason, RowOutcome.CONFLICTING)
            is_refused = True
        async with self._slots:
            await self._run_steps(row, is_refused=is_refused)

    async def _run_steps(self, row: PlannedRow, *, is_refused: bool) -> None:
        """Run the commands of a row; of a refused row, only those that later rows need too."""
        outcome = RowOutcome.KNOWN
        for step in row.steps:
            if is_refused and not step.allow_existing:
                continue
            try:
                if await self._run_step(step):
                    outcome = RowOutcome.STORED
            except REFUSALS as error:
                self._block(step)
                if not is_refused:
                    self._refuse(row.line, str(error), _outcome_of(error, step))
                is_refused = True
        if not is_refused:
            self._count(outcome)

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
        self._on_refused(RefusedRow(line, reason))
        self._count(outcome)

    def _count(self, outcome: RowOutcome) -> None:
        self._report.outcomes[outcome] += 1
        if self._report.rows % PROGRESS_EVERY == 0:
            self._report_progress()

    def _report_progress(self) -> None:
        self._report.seconds = monotonic() - self._report.started
        self._on_progress(self._report)


def _outcome_of(error: NerveError, step: ImportStep) -> RowOutcome:
    """Return whether a refusal shows that something else is stored under the id of the row."""
    if isinstance(error, AlreadyExists | CommandIdReused | ConcurrencyConflict):
        return RowOutcome.CONFLICTING
    contradicts = step.own_id and not step.envelope.command.creates and isinstance(error, InvariantViolated)
    return RowOutcome.CONFLICTING if contradicts else RowOutcome.REFUSED

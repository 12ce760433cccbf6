"""Running an import: rows in batches, each through the command bus, at most once ever."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from time import monotonic

from api.fleet.plan import ProcessPlan
from api.transfer.command_reader import read_cloudevents
from api.transfer.import_files import LOGS, file_suffix, open_file, read_log
from api.transfer.rows import PlannedRow, RefusedRow
from domain.dispatch import CommandBus
from domain.dispatch.ports import StoredCommand
from domain.kernel import AlreadyExists, Catalog, InvariantViolated, NotFound, Scope
from domain.kernel.errors import CommandIdReused, ConcurrencyConflict, ValidationFailed
from eventstore.log import EventLog

BATCH = 1000
"""Rows that are looked up together and run together."""

CONCURRENCY = 128
"""Rows of a batch that are under way at once."""

Turn = asyncio.Task[None]

REFUSALS = (ValidationFailed, NotFound, InvariantViolated, ConcurrencyConflict, CommandIdReused)


@dataclass(slots=True)
class ImportReport:
    """How far an import is. `stored` commands changed something now, `known` ones did in an earlier run."""

    total: int | None = None
    rows: int = 0
    refused: int = 0
    stored: int = 0
    known: int = 0
    started: float = field(default_factory=monotonic)
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Rows a second."""
        return self.rows / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class CommandImporter:
    """Imports files through the bus.

    `progress` is told after each batch, `refuse` of each row that is left out. Rows that name the same stream
    run in their order, others side by side. Every command has an id that follows from the row, so a second
    run finds it stored and adds nothing, and a run that was cut off goes on.
    """

    catalog: Catalog
    bus: CommandBus
    log: EventLog
    progress: Callable[[ImportReport], None] = lambda report: None
    refuse: Callable[[RefusedRow], None] = lambda refused: None
    scope: Scope = field(default_factory=Scope)

    async def run(self, path: Path) -> ImportReport:
        """Import the file and tell how it went.

        Raises ValidationFailed where the file as a whole cannot be imported, and Overloaded or Unavailable
        where the servers give up: what was stored by then stays, and the next run goes on from there.
        """
        report = ImportReport()
        rows = self._rows(path, report)
        while batch := list(islice(rows, BATCH)):
            await self._run_batch(batch, report)
            report.rows += len(batch)
            report.seconds = monotonic() - report.started
            self.progress(report)
        return report

    def _rows(self, path: Path, report: ImportReport) -> Iterator[PlannedRow | RefusedRow]:
        kind = file_suffix(path)
        if kind in LOGS:
            activities, refused = read_log(path, kind)
            report.total = len(activities) + len(refused)
            yield from refused
            yield from ProcessPlan(activities, self.scope, f"import:{path.name}").rows()
        else:
            with open_file(path) as stream:
                yield from read_cloudevents(stream, self.catalog, self.scope)

    async def _run_batch(self, batch: Sequence[PlannedRow | RefusedRow], report: ImportReport) -> None:
        planned = [row for row in batch if isinstance(row, PlannedRow)]
        ids = {str(step.envelope.command_id) for row in planned for step in row.steps}
        known = await self.log.stored_commands(self.scope.tenant, ids)
        reused = self._reused(planned, known)
        again = {
            str(step.envelope.command_id) for row in planned if row.line not in reused for step in row.steps
        }
        report.known += len(again & known.keys())
        turns = _RowOrder()
        places = asyncio.Semaphore(CONCURRENCY)
        try:
            async with asyncio.TaskGroup() as group:
                for row in batch:
                    if isinstance(row, RefusedRow):
                        self._left_out(row, report)
                    elif row.line in reused:
                        self._left_out(reused[row.line], report)
                    elif fresh := row.without(known):
                        before = turns.before(fresh)
                        turns.take(fresh, group.create_task(self._run_row(fresh, before, places, report)))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None

    def _reused(
        self, rows: Sequence[PlannedRow], known: Mapping[str, StoredCommand]
    ) -> dict[int, RefusedRow]:
        """The rows that another command was stored for before, under the id of one of theirs, by line."""
        found = {}
        for row in rows:
            for step in row.steps:
                stored = None if step.derived else known.get(str(step.envelope.command_id))
                if stored is not None:
                    try:
                        self.bus.check_same(step.envelope, stored)
                    except CommandIdReused as error:
                        found[row.line] = RefusedRow(row.line, str(error))
        return found

    async def _run_row(
        self, row: PlannedRow, before: set[Turn], places: asyncio.Semaphore, report: ImportReport
    ) -> None:
        if before:
            await asyncio.wait(before)
        async with places:
            for step in row.steps:
                try:
                    receipt = await self.bus.dispatch(step.envelope)
                except REFUSALS as error:
                    if step.ensures and isinstance(error, AlreadyExists):
                        continue
                    if step.derived and isinstance(error, CommandIdReused):
                        report.known += 1
                        continue
                    self._left_out(RefusedRow(row.line, str(error)), report)
                    return
                if receipt.replayed:
                    report.known += 1
                elif receipt.changed:
                    report.stored += 1

    def _left_out(self, row: RefusedRow, report: ImportReport) -> None:
        report.refused += 1
        self.refuse(row)


class _RowOrder:
    """Which rows of a batch must be over before another may start.

    A row waits for the last one before it that changes a stream that it names, and, where it changes a stream
    itself, for those that read it since.
    """

    def __init__(self) -> None:
        self._writer: dict[str, Turn] = {}
        self._readers: dict[str, set[Turn]] = defaultdict(set)

    def before(self, row: PlannedRow) -> set[Turn]:
        writers = {self._writer[name] for name in row.writes() | row.reads() if name in self._writer}
        return writers.union(*(self._readers[name] for name in row.writes()))

    def take(self, row: PlannedRow, turn: Turn) -> None:
        for name in row.writes():
            self._writer[name] = turn
            self._readers[name].clear()
        for name in row.reads():
            self._readers[name].add(turn)

"""Imports of a process log, beside commands through the bus alone."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path

from api.fleet.process_logs import PROCESS_LOG_READERS
from api.runtime import Runtime
from api.transfer.command_importer import CommandImporter
from api.transfer.import_options import ImportOptions
from domain.kernel import Scope
from tests.bench.commands import CALLERS, CHANGES, STREAMS, open_bus
from tests.bench.harness import Benchmark, Contender, Contest, Figure
from tests.bench.machine import Machine
from tests.helpers.process_log import process_log_file


class Importing:
    """Imports one file again and again, each time for another tenant."""

    def __init__(self, nerve: Runtime, path: Path) -> None:
        self._nerve = nerve
        self._path = path
        self._numbers = count(1)

    async def turn(self) -> Figure:
        """Return the stored commands per second, with the time of reading the file."""
        options = ImportOptions(Scope(f"tenant-{next(self._numbers)}"))
        importer = CommandImporter(self._nerve.bus, self._nerve.log, PROCESS_LOG_READERS, options=options)
        report = await importer.run(self._path)
        assert report.is_clean, report.describe_rows()
        return Figure(report.stored / report.seconds)


@asynccontextmanager
async def _rows(machine: Machine) -> AsyncIterator[Contest]:
    with tempfile.TemporaryDirectory() as folder:
        path = process_log_file(Path(folder))
        async with open_bus(machine, STREAMS) as dispatched:
            yield Contest(
                Contender("an import through the CommandBus", Importing(dispatched.nerve, path).turn),
                Contender(f"motor insert_many of the same, {CALLERS} each", dispatched.bare_inserts),
                (
                    Contender(
                        f"CommandBus, {CALLERS} callers, {STREAMS:,} streams",
                        partial(dispatched.through_the_bus, CALLERS, CHANGES),
                    ),
                ),
            )


BENCHMARKS = (Benchmark("import.rows", "commands/s", "a process log, about three commands a row", _rows),)

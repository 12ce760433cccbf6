"""An import runs many rows at once, reads only some ahead, and keeps the order of rows that meet."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.fleet.process_logs import PROCESS_LOG_READERS
from api.transfer import command_importer
from api.transfer.command_importer import CommandImporter
from api.transfer.import_options import FileRows, ImportOptions
from api.transfer.import_report import ImportReport
from api.transfer.rows import ImportStep, PlannedRow
from domain.agents.commands import ChangeAgentState, RegisterAgent
from domain.agents.events import AgentState
from domain.dispatch.ports import StoredCommand
from domain.kernel import Command, Envelope, Receipt
from domain.tasks.commands import AssignTask
from tests.helpers.process_log import generated_activities, write_csv

PATIENCE = 20.0


class Rows:
    """A file of rows with one command each; `taken` is how many the import has taken from it."""

    def __init__(self, commands: Iterator[Command]) -> None:
        self.taken = 0
        self._commands = commands

    async def read(self, path: Path, options: ImportOptions, stored: Any) -> FileRows:
        return FileRows(self._rows())

    def _rows(self) -> Iterator[PlannedRow]:
        for command in self._commands:
            self.taken += 1
            yield PlannedRow(self.taken, (ImportStep(Envelope(command, command_id=str(self.taken))),))


class Bus:
    """Answers commands in an order that the test decides."""

    def __init__(self, turns: Sequence[int] = ()) -> None:
        """`turns` are the turns of the event loop that the commands take, in the order of the file."""
        self._turns = turns
        self.started: list[Command] = []
        self.ended: list[Command] = []
        self.may_end: dict[str, asyncio.Event] = {}

    async def dispatch(self, envelope: Envelope) -> Receipt:
        command = envelope.command
        self.started.append(command)
        for _ in range(self._turns[int(str(envelope.command_id)) - 1] if self._turns else 1):
            await asyncio.sleep(0)
        if (event := self.may_end.get(str(command.target))) is not None:
            await event.wait()
        self.ended.append(command)
        return Receipt(str(envelope.command_id), str(command.target), 1, 1, "test")

    def check_same(self, envelope: Envelope, first: StoredCommand) -> None:
        raise AssertionError("nothing is stored")

    async def stored_commands(self, tenant: str, command_ids: Collection[str]) -> Mapping[str, StoredCommand]:
        return {}


def start(bus: Bus, rows: Rows) -> asyncio.Task[ImportReport]:
    importer = CommandImporter(bus, bus, {".csv": rows.read})
    return asyncio.create_task(importer.run(Path("log.csv")))


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():
            await asyncio.sleep(0)


def agents(count: int) -> Iterator[Command]:
    return (RegisterAgent(id=f"agent-{number}", name="Ada") for number in range(count))


async def test_a_slow_row_does_not_stop_the_rows_of_later_pages() -> None:
    bus, rows = Bus(), Rows(agents(3 * command_importer.PAGE))
    bus.may_end["agent-0"] = asyncio.Event()
    run = start(bus, rows)
    await until(lambda: len(bus.ended) == 3 * command_importer.PAGE - 1)
    bus.may_end["agent-0"].set()
    assert (await run).rows == 3 * command_importer.PAGE


async def test_only_a_window_of_rows_is_read_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_importer, "WINDOW", 30)
    monkeypatch.setattr(command_importer, "PAGE", 10)
    bus, rows = Bus(), Rows(ChangeAgentState(id="agent-0", state=AgentState.BUSY) for _ in range(100))
    bus.may_end["agent-0"] = asyncio.Event()
    run = start(bus, rows)
    await until(lambda: rows.taken >= 40)
    for _ in range(50):
        await asyncio.sleep(0)
    assert (rows.taken, len(bus.started)) == (40, 1)
    bus.may_end["agent-0"].set()
    assert (await run).rows == 100


streams = st.sampled_from("abc")
commands = st.one_of(
    st.builds(lambda name: ChangeAgentState(id=f"agent-{name}", state=AgentState.IDLE), streams),
    st.builds(lambda task, name: AssignTask(id=f"task-{task}", agent_id=f"agent-{name}"), streams, streams),
)


@given(file=st.lists(st.tuples(commands, st.integers(1, 6)), min_size=1, max_size=30))
def test_rows_that_name_a_stream_run_in_the_order_of_the_file(file: list[tuple[Command, int]]) -> None:
    """A row that changes a stream meets no other one of it; rows that only refer to it may run together."""
    log = [command for command, _ in file]
    bus = Bus([turns for _, turns in file])
    importer = CommandImporter(bus, bus, {".csv": Rows(iter(log)).read})
    asyncio.run(importer.run(Path("log.csv")))
    ends = {id(command): place for place, command in enumerate(bus.ended)}
    starts = {id(command): place for place, command in enumerate(bus.started)}
    assert len(ends) == len(log)
    for place, later in enumerate(log):
        for earlier in log[:place]:
            names = {stream for _, _, stream in later.references()} | {later.target}
            before = {stream for _, _, stream in earlier.references()} | {earlier.target}
            if earlier.target in names or later.target in before:
                assert ends[id(earlier)] < ends[id(later)]
                assert starts[id(earlier)] < starts[id(later)]


async def nothing_stored(command_ids: Collection[str]) -> Mapping[str, StoredCommand]:
    return {}


async def test_a_longer_process_log_takes_no_more_memory(tmp_path: Path) -> None:
    """SQLite's own memory is not measured; it is bounded by a setting."""

    async def peak(rows: int) -> int:
        path = write_csv(tmp_path / "log.csv", islice(generated_activities(rows), rows))
        tracemalloc.start()
        try:
            file = await PROCESS_LOG_READERS[".csv"](path, ImportOptions(), nothing_stored)
            assert sum(1 for _ in file.rows) == file.total == rows
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    await peak(100)
    assert await peak(1_000) < 1.2 * await peak(200)

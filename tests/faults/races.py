"""Eight processes append to overlapping streams, with conflicts, while readers follow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.table import Table

from tests.faults.judge import Verdict
from tests.faults.load import Load
from tests.faults.writer import Orders
from tests.helpers.servers import Servers

WRITERS = 8
READERS = 2


@contextmanager
def race(url: str, database: str, folder: Path, commands: int) -> Iterator[Load]:
    """Start a race, in which each writer sends so many commands."""
    load = Load(Orders(url, database, str(folder), seed=1, commands=commands, callers=32))
    try:
        for _ in range(READERS):
            load.start_reader()
        for _ in range(WRITERS):
            load.start_writer()
        yield load
    finally:
        load.kill_all()


def run_races(folder: Path, races: int, commands: int, step: Callable[[], None]) -> list[Verdict]:
    """Run so many races one after the other, each on a log of its own; `step` is called after each."""
    servers = Servers(folder)
    verdicts = []
    try:
        mongod = servers.mongod()
        for number in range(races):
            journals = folder / f"race-{number}"
            journals.mkdir()
            with race(mongod.url, journals.name, journals, commands) as load:
                verdicts.append(load.judge_when_written())
            step()
    finally:
        servers.kill_all()
    return verdicts


def table(verdicts: list[Verdict]) -> Table:
    """Return the counts of each race, for a person to read."""
    columns = Table("race", "commands", "acknowledged", "refused", "wrongs", title="races of eight writers")
    for number, verdict in enumerate(verdicts, 1):
        counts = (number, verdict.commands, verdict.acknowledged, verdict.refused)
        columns.add_row(*(f"{count:,}" for count in counts), str(verdict.wrongs or ""))
    return columns

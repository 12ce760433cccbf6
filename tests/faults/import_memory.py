"""An import of a large process log in flat memory."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from rich.table import Table

from api.devserver.child import ChildProcess
from api.fleet.activity import LoggedActivity
from tests.faults.deployment import Deployment
from tests.helpers.process_log import generated_activities, write_csv
from tests.helpers.servers import eventually

GROWTH = 1.25
"""How many times the memory after the first part of the rows the import may take after the last."""

PATIENCE = 7_200.0


@dataclass(frozen=True)
class Size:
    """The number of rows, and of those between two measurements."""

    rows: int
    every: int


@dataclass
class Outcome:
    """The peak memory of the process, in bytes, by the rows that it had stored."""

    commits: int = 0
    seconds: float = 0.0
    peaks: dict[int, int] = field(default_factory=dict)
    wrongs: list[str] = field(default_factory=list)

    def table(self) -> Table:
        """Return a table for people."""
        title = f"nerve import: {self.commits:,} commits in {self.seconds:.0f} s"
        table = Table("rows", "peak memory", title=title)
        for rows, peak in self.peaks.items():
            table.add_row(f"{rows:,}", f"{peak / 2**20:.0f} MiB")
        return table


class ImportMemory:
    """Imports generated rows by ``nerve import`` on servers of its own."""

    def __init__(self, folder: Path, size: Size) -> None:
        self._folder = folder
        self._size = size
        self._deployment = Deployment(folder)
        self._outcome = Outcome()

    def run(self, step: Callable[[], None] = lambda: None) -> Outcome:
        """Run the trial; `step` is called after each part of the rows."""
        try:
            path, commits = self._write_log()
            began = time.monotonic()
            child = self._deployment.start("api.cli", "import", str(path))
            self._measure(child, commits, step)
            self._outcome.seconds = time.monotonic() - began
            self._judge(child, commits)
        finally:
            self._deployment.end()
        return self._outcome

    def _write_log(self) -> tuple[Path, int]:
        """Write the log; return its path and the number of commits that it leads to."""
        path = write_csv(self._folder / "process-log.csv", self._activities())
        return path, _count_commits(self._activities())

    def _activities(self) -> Iterator[LoggedActivity]:
        return islice(generated_activities(self._size.rows), self._size.rows)

    def _measure(self, child: ChildProcess, commits: int, step: Callable[[], None]) -> None:
        size, peak = self._size, 0
        with MongoClient[dict[str, Any]](self._deployment.mongod.url) as client:
            log = client[self._deployment.database]["log"]
            for rows in range(size.every, size.rows + 1, size.every):

                def has_stored(rows: int = rows) -> bool:
                    nonlocal peak
                    peak = _peak_memory(child.pid) or peak
                    return log.estimated_document_count() >= commits * rows // size.rows or _has_ended(child)

                eventually(has_stored, PATIENCE, 0.2)
                self._outcome.peaks[rows] = peak
                step()
            eventually(lambda: _has_ended(child), PATIENCE)
            self._outcome.commits = log.count_documents({"stream": {"$exists": True}})

    def _judge(self, child: ChildProcess, commits: int) -> None:
        if child.exit_code:
            self._outcome.wrongs.append(f"the import failed: {self._deployment.said(child)[-500:]}")
        if self._outcome.commits != commits:
            self._outcome.wrongs.append(f"{self._outcome.commits:,} commits are stored, and not {commits:,}")
        peaks = list(self._outcome.peaks.values())
        if peaks[-1] > GROWTH * peaks[0]:
            self._outcome.wrongs.append(f"it took {peaks[0]:,} bytes at first and {peaks[-1]:,} in the end")


def _count_commits(activities: Iterable[LoggedActivity]) -> int:
    """Return three for each row, one for each case and resource, and one for each case that ends."""
    commits, resources = 0, set[str | None]()
    for _, case in groupby(activities, key=lambda activity: activity.case):
        rows = sorted(case, key=lambda activity: activity.time)
        resources |= {activity.resource for activity in rows}
        commits += 1 + 3 * len(rows) + (rows[-1].case_end is not None)
    return commits + len(resources)


def _has_ended(child: ChildProcess) -> bool:
    return child.exit_code is not None


def _peak_memory(pid: int) -> int | None:
    """Return the most bytes of memory that a process has taken; None if it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    peak = re.search(r"VmHWM:\s+(\d+) kB", status)
    return None if peak is None else int(peak[1]) * 1024

"""Imports of a process log that are killed and started again: the log is the same as without a kill."""

from __future__ import annotations

import signal
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from pymongo import MongoClient
from rich.table import Table

from tests.faults.deployment import Deployment
from tests.helpers.process_log import generated_activities, write_csv
from tests.helpers.servers import eventually

PATIENCE = 600.0

WHOLE, KILLED = "imported_whole", "imported_killed"
"""Suffixes of the databases."""

RunImport = Callable[[str, int | None], int]
"""Imports the file into a database, and kills that after so many further commits, or not for None.

Returns the exit code.
"""

History = Mapping[str, list[dict[str, Any]]]
"""What the log has of each stream, in the order of versions, without what differs between two imports."""


@dataclass(frozen=True)
class Size:
    """The number of cases in the log, and of kills."""

    cases: int
    kills: int


@dataclass
class Outcome:
    """The result of a trial."""

    rows: int = 0
    commits: int = 0
    killed: int = 0
    tombstones: int = 0
    seconds: float = 0.0
    wrongs: list[str] = field(default_factory=list)

    def table(self) -> Table:
        """Return a table for people."""
        table = Table(
            "what", "number", title=f"an import with {self.killed} kills -9 in {self.seconds:.0f} s"
        )
        table.add_row("rows", f"{self.rows:,}")
        table.add_row("commits, in both logs", f"{self.commits:,}")
        table.add_row("positions that were closed after the kills", f"{self.tombstones:,}")
        return table


class ImportKills:
    """Imports one file twice: at once, and with kills at random commits."""

    def __init__(self, mongo_url: str, database: str, run_import: RunImport, size: Size) -> None:
        self._client: MongoClient[dict[str, Any]] = MongoClient(mongo_url, tz_aware=True)
        self._whole, self._killed = f"{database}_{WHOLE}", f"{database}_{KILLED}"
        self._run_import = run_import
        self._size = size
        self._outcome = Outcome()

    def run(self, step: Callable[[], None] = lambda: None) -> Outcome:
        """Run the trial; `step` is called after each kill."""
        began = time.monotonic()
        with self._client:
            self._import(self._whole)
            expected = self._history(self._whole)
            total = self._count(self._whole)
            for commit in sorted(Random(total).sample(range(1, total), self._size.kills)):
                stored = self._count(self._killed)
                exit_code = self._run_import(self._killed, max(1, commit - stored))
                self._outcome.killed += exit_code == -signal.SIGKILL
                step()
            self._import(self._killed)
            self._compare(expected, self._history(self._killed))
            self._outcome.commits = total
            self._outcome.tombstones = self._log(self._killed).count_documents({"tombstone": True})
            for database in (self._whole, self._killed):
                self._client.drop_database(database)
        self._outcome.seconds = time.monotonic() - began
        return self._outcome

    def _import(self, database: str) -> None:
        if exit_code := self._run_import(database, None):
            self._outcome.wrongs.append(f"an import ended with exit code {exit_code}")

    def _log(self, database: str) -> Any:
        return self._client[database]["log"]

    def _count(self, database: str) -> int:
        count: int = self._log(database).count_documents({"stream": {"$exists": True}})
        return count

    def _history(self, database: str) -> History:
        streams: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for commit in self._log(database).find({"stream": {"$exists": True}}).sort("_id", 1):
            command = {name: commit["command"][name] for name in ("id", "name")}
            events = [
                {name: value for name, value in event.items() if name != "id"} for event in commit["events"]
            ]
            kept = {name: commit.get(name) for name in ("occurred", "source", "correlation")}
            streams[commit["stream"]].append({**kept, "command": command, "events": events})
        return streams

    def _compare(self, expected: History, found: History) -> None:
        for stream in sorted(expected.keys() | found.keys()):
            if expected.get(stream) != found.get(stream):
                self._outcome.wrongs.append(
                    f"{stream} is {found.get(stream)}, and not {expected.get(stream)}"
                )


class CommandLineImport:
    """Imports a file by ``nerve import``, which is killed from outside."""

    def __init__(self, deployment: Deployment, path: Path) -> None:
        self._deployment = deployment
        self._path = path

    def __call__(self, database: str, commits: int | None) -> int:
        child = self._deployment.start("api.cli", "import", str(self._path), NERVE_DATABASE=database)
        with MongoClient[dict[str, Any]](self._deployment.mongod.url) as client:
            log = client[database]["log"]
            before = log.estimated_document_count()

            def has_stored() -> bool:
                is_due = commits is not None and log.estimated_document_count() >= before + commits
                return is_due or child.exit_code is not None

            eventually(has_stored, PATIENCE, 0.005)
        child.kill()
        assert child.exit_code is not None
        return child.exit_code


def write_log(folder: Path, cases: int) -> tuple[Path, int]:
    """Write a process log; return its path and the number of its rows."""
    rows = list(generated_activities(cases))
    return write_csv(folder / "process-log.csv", rows), len(rows)


def run_trial(folder: Path, size: Size, step: Callable[[], None]) -> Outcome:
    """Kill ``nerve import`` on servers of its own."""
    deployment = Deployment(folder)
    try:
        path, rows = write_log(folder, size.cases)
        trial = ImportKills(deployment.mongod.url, "trial", CommandLineImport(deployment, path), size)
        outcome = trial.run(step)
        outcome.rows = rows
        return outcome
    finally:
        deployment.end()

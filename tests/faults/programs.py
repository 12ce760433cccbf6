"""A writer or a reader under a fault: a process of its own, whose journal is looked at from here."""

from __future__ import annotations

import os
import signal
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

from api.devserver.child import ChildProcess
from tests.faults.journal import Entry, Watch
from tests.faults.writer import Orders


class Program(ABC):
    """A running process and its journal."""

    def __init__(
        self, arguments: list[str], journal: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.journal = journal
        self._watch = Watch(journal)
        self._output = journal.with_suffix(".out")
        command = [sys.executable, "-m", *arguments]
        self._child = ChildProcess(arguments[0], command, output=self._output, environment=environment)

    def look(self) -> None:
        """Take in what it has noted since the last look."""
        for entry in self._watch.new():
            self._take(entry)

    @abstractmethod
    def _take(self, entry: Entry) -> None: ...

    @property
    def exit_code(self) -> int | None:
        return self._child.exit_code

    def kill(self) -> None:
        self._child.kill()

    def ask_to_stop(self) -> None:
        self._child.ask_to_stop()

    def pause(self) -> None:
        os.kill(self._child.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self._child.pid, signal.SIGCONT)

    def complaint(self) -> str:
        """What it printed: nothing, unless it failed."""
        return self._output.read_text()


class WriterProcess(Program):
    """A writer process: how many commands it was told of, and the highest position among them."""

    def __init__(self, orders: Orders) -> None:
        super().__init__(["tests.faults.writer", orders.to_json()], Path(orders.journal))
        self.orders = orders
        self.acknowledged = 0
        self.unanswered = 0
        self.highest = 0

    def _take(self, entry: Entry) -> None:
        if entry.kind == "stored":
            self.acknowledged += 1
            self.highest = max(self.highest, entry.what[-1])
        elif entry.kind == "unanswered":
            self.unanswered += 1


class ReaderProcess(Program):
    """A reader process: `position` is how far it has come."""

    def __init__(self, url: str, database: str, journal: Path, fence_after: float, after: int) -> None:
        arguments = [url, database, str(journal), str(fence_after), str(after)]
        super().__init__(["tests.faults.reader", *arguments], journal)
        self.position = after

    def _take(self, entry: Entry) -> None:
        self.position = entry.what[0]

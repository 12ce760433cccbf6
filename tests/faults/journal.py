"""What a process under test notes down, so that it is still there when the process has been killed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import orjson

Kind = Literal["sent", "stored", "refused", "unanswered", "saw"]
"""Of a command: about to be sent, its receipt, its refusal, nobody can say. Of a commit: it was read."""


class Entry(NamedTuple):
    """One line of a journal; `at` is on the machine's monotonic clock, which all its processes share."""

    kind: Kind
    at: float
    what: list[Any]


class Sent(NamedTuple):
    """A command as its writer sent it: `size` events behind version `expected`.

    It builds on command `follows`, where one is named, and must not land unless that one did.
    """

    command: str
    stream: str
    expected: int
    size: int
    follows: str | None = None


class Journal:
    """A file that each note is written to at once: what `note` has returned from outlives the process."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(self, kind: Kind, *what: Any) -> None:
        os.write(self._file, orjson.dumps([kind, time.monotonic(), what]) + b"\n")


def entries(path: Path) -> Iterator[Entry]:
    """The notes so far. The last line of a killed process may be cut short: then it noted nothing."""
    if path.exists():
        for line in path.read_bytes().split(b"\n")[:-1]:
            yield Entry(*orjson.loads(line))


class Left(NamedTuple):
    """Commands of which nobody knows what became of them; `moot` are those that build on a refused one."""

    again: list[Sent]
    moot: list[Sent]


def unanswered(path: Path) -> Left:
    """What the writer of this journal has left to its successor."""
    sent: dict[str, Sent] = {}
    refused: set[str | None] = set()
    for entry in entries(path):
        if entry.kind == "sent":
            sent[entry.what[0]] = Sent(*entry.what)
        elif entry.kind in ("stored", "refused"):
            sent.pop(entry.what[0], None)
        if entry.kind == "refused":
            refused.add(entry.what[0])
    left = Left([], [])
    for one in sent.values():
        if one.follows in refused:
            refused.add(one.command)
            left.moot.append(one)
        else:
            left.again.append(one)
    return left


class Watch:
    """Looks into a growing journal now and then, without reading anything twice."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_to = 0

    def new(self) -> list[Entry]:
        """The notes that came since the last look."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self._read_to)
            whole, _, _ = file.read().rpartition(b"\n")
        if not whole:
            return []
        self._read_to += len(whole) + 1
        return [Entry(*orjson.loads(line)) for line in whole.split(b"\n")]

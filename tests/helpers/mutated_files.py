"""Mutated versions of the files of `log_files`, and the check of their import.

Whatever the bytes are, an import ends in a report or a refusal, counts each row once, and stores no more than
is there.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import orjson

from api.transfer.import_report import ImportReport
from domain.kernel.errors import ValidationFailed
from tests.helpers.memory_import import MemoryImport

LONGEST = 12
"""Most bytes that one mutation drops or doubles."""


def mutate(content: bytes, dice: Random) -> bytes:
    """Return the content with bytes dropped, doubled, swapped or cut off, one to three times."""
    mutated = bytearray(content)
    for _ in range(dice.randint(1, 3)):
        last = max(0, len(mutated) - 1)
        start, other = dice.randint(0, last), dice.randint(0, last)
        end = min(len(mutated), start + dice.randint(1, LONGEST))
        match dice.choice(("drop", "double", "swap", "truncate")):
            case "drop":
                del mutated[start:end]
            case "double":
                mutated[start:start] = mutated[start:end]
            case "swap" if mutated:
                mutated[start], mutated[other] = mutated[other], mutated[start]
            case "truncate":
                del mutated[start:]
    return bytes(mutated)


def check_import(folder: Path, name: str, content: bytes) -> None:
    """Import the content twice, as a file of this name. Raises AssertionError where something is wrong."""
    log = MemoryImport(folder)
    try:
        report = log.run(name, content)
    except ValidationFailed:
        assert not log.bus.history.commits, "a file that was refused is stored in part"
        return
    _check_report(log, name, content, report)
    stored = len(log.bus.history.commits)
    again = log.run(name, content)
    assert (again.rows, again.stored, len(log.bus.history.commits)) == (report.rows, 0, stored)


def _check_report(log: MemoryImport, name: str, content: bytes, report: ImportReport) -> None:
    """Check that there are as many rows as the file has, and that no more is stored."""
    log.counts(report)
    assert len(log.tasks) <= report.rows
    assert sum(len(row["steps"]) for row in log.workflows.values()) <= report.rows
    rows = _rows(name, content)
    assert rows is None or report.rows == rows, f"{report.rows} rows are counted of {rows}"


def _rows(name: str, content: bytes) -> int | None:
    """Return the number of rows; None where only a reader of the format can say."""
    if name.endswith(".csv") and b'"' not in content and content.isascii() and b"\0" not in content:
        return sum(bool(line) for line in content.decode().splitlines()[1:])
    if name.endswith(".jsonl"):
        return sum(map(_events, filter(bytes.strip, content.split(b"\n"))))
    return None


def _events(line: bytes) -> int:
    """Return the number of events in a line: those of its array, or one."""
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return 1
    return len(value) if isinstance(value, list) and value else 1

"""How a file is to be read, and the readers that do so."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from api.transfer.rows import PlannedRow, RefusedRow
from domain.dispatch.ports import StoredCommand
from domain.kernel import Scope
from domain.kernel.errors import ValidationFailed

PAUSE_EVERY = 1_000
"""Rows of a file that are read before other tasks of the process may run."""

StoredCommands = Callable[[Collection[str]], Awaitable[Mapping[str, StoredCommand]]]
"""Returns the commands that are stored under these ids."""


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How a file is to be read.

    `source` distinguishes cases and rows that have the same numbers elsewhere; None is the name of the file.
    `columns` names the column of an attribute, `transitions` the transition that a lifecycle value stands
    for. Encoding and delimiter are guessed if they are None. `on_note` is called with what the user should
    know about the file: how it is read, before anything is stored.
    """

    scope: Scope = field(default_factory=Scope)
    source: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    transitions: Mapping[str, str] = field(default_factory=dict)
    encoding: str | None = None
    delimiter: str | None = None
    on_note: Callable[[str], None] = lambda note: None


class FileRows(NamedTuple):
    """The rows of a file, and how many there are if the reader has counted them."""

    rows: Iterator[PlannedRow | RefusedRow]
    total: int | None = None


FileReader = Callable[[Path, ImportOptions, StoredCommands], Awaitable[FileRows]]
"""Reads a file. Raises ValidationFailed where the file as a whole cannot be read."""


def check_has_rows(path: Path, count: int) -> None:
    """Raise ValidationFailed if the file has no row."""
    if not count:
        raise ValidationFailed(f"{path.name} has no row; nothing was imported")

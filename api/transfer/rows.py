"""What the readers yield: rows, and what they could not read."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from pydantic import ValidationError

from domain.kernel import Envelope
from domain.kernel.errors import UnfitValue


class ProcessLogRow(NamedTuple):
    """One event of a process log, under its XES names; what belongs to its case begins with ``case:``."""

    line: int
    values: Mapping[str, str]


class RefusedRow(NamedTuple):
    """A row that was not imported. `line` is where it begins in the file, counted from 1."""

    line: int
    reason: str


class ImportStep(NamedTuple):
    """One command of a row.

    With `ensures` it is fine that another one has created the stream already. An id that is `derived` names
    what the row is about, and not its content: another file may have more about the same.
    """

    envelope: Envelope
    ensures: bool = False
    derived: bool = False


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """A row as the commands that it comes to, one after the other."""

    line: int
    steps: tuple[ImportStep, ...]

    def without(self, stored: Container[str | None]) -> PlannedRow | None:
        """What is left to do when these command ids are stored, None for nothing."""
        steps = tuple(step for step in self.steps if step.envelope.command_id not in stored)
        return PlannedRow(self.line, steps) if steps else None

    def writes(self) -> set[str]:
        """The streams that it changes, as far as their ids are known."""
        targets = (step.envelope.command.target for step in self.steps)
        return {stream for stream in targets if stream is not None}

    def reads(self) -> set[str]:
        """The other streams that it names."""
        named = (step.envelope.command.references() for step in self.steps)
        return {stream for references in named for _, _, stream in references} - self.writes()


def describe_error(error: ValidationError | UnfitValue) -> str:
    """What is wrong with a line, in one line."""
    if isinstance(error, UnfitValue):
        return f"{'.'.join(map(str, error.path)) or 'it'}: {error.reason}"
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'it'}: {e['msg']}" for e in error.errors())

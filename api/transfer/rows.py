"""Rows of an imported file: the commands that a row stands for, or why it was refused."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import NamedTuple

from pydantic import ValidationError

from domain.kernel import Envelope
from domain.kernel.errors import UnfitValue
from domain.kernel.input_messages import input_message


class RefusedRow(NamedTuple):
    """A row that was not imported. `line` is where it begins in the file, counted from 1."""

    line: int
    reason: str


class ImportStep(NamedTuple):
    """One command of a row.

    With `allow_existing` the step also succeeds if its stream exists already. Other rows name that stream
    too, such as their case, so the step runs even if the rest of its row is refused. With `derived_id` the
    command id names what the row is about and not its content: another file may say more about the same
    thing. With `own_id` the row itself names the stream, so a refusal in its state is a conflict with another
    row.
    """

    envelope: Envelope
    allow_existing: bool = False
    derived_id: bool = False
    own_id: bool = False


class RowStreams(NamedTuple):
    """The streams that a row changes, as far as their ids are set, and those that it only refers to.

    `command_ids` are those whose content matters: which of two equal ones is stored depends on the order.
    """

    writes: frozenset[str]
    reads: frozenset[str]
    command_ids: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """A row as a sequence of commands."""

    line: int
    steps: tuple[ImportStep, ...]

    def without(self, stored: Container[str | None]) -> PlannedRow | None:
        """Return the row without the commands whose ids are stored; None if nothing remains."""
        steps = tuple(step for step in self.steps if step.envelope.command_id not in stored)
        return PlannedRow(self.line, steps) if steps else None

    def streams(self) -> RowStreams:
        """Return the streams and the command ids that the row names."""
        commands = [step.envelope.command for step in self.steps]
        writes = frozenset(command.target for command in commands if command.target is not None)
        reads = frozenset(stream for command in commands for _, _, stream in command.references())
        own_ids = frozenset(str(step.envelope.command_id) for step in self.steps if not step.derived_id)
        return RowStreams(writes, reads - writes, own_ids)


def describe_error(error: ValidationError | UnfitValue) -> str:
    """Describe on one line what is wrong in a row."""
    if isinstance(error, UnfitValue):
        return f"{'.'.join(map(str, error.path)) or 'the line'}: {error.reason}"
    return "; ".join(
        f"{'.'.join(map(str, details['loc'])) or 'the line'}: {input_message(details)}"
        for details in error.errors()
    )

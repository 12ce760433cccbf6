"""Conflict rules: what happens to a command whose expected version is not the current one. Pure.

A client that sends an `expectedVersion` gets a conflict if another command came first. A command may declare
a rule that accepts the events since then: it is decided in the current state.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from domain.kernel.event import Event

C = TypeVar("C")


class ConflictRule(Protocol):
    """A function from a command and the events `since` its expected version to the command to decide.

    It returns None to refuse the command. Its docstring is part of the command's description in the API.
    """

    __doc__: str | None

    def __call__(self, command: Any, since: Sequence[Event], /) -> Any | None: ...


def refuse(command: C, since: Sequence[Event]) -> C | None:
    """At another version the command is refused with CONCURRENCY_CONFLICT."""
    return None


def last_write_wins(command: C, since: Sequence[Event]) -> C | None:
    """At another version the command is applied after the newer events."""
    return command

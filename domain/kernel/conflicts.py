"""Conflict rules of commands: what becomes of one that was decided on a version which is not the last. Pure.

A client that names an `expectedVersion` is told of a conflict where somebody came between. A command may
declare that it can do with what happened since: it is then decided in the state as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from domain.kernel.event import Event

C = TypeVar("C")

MOST_SINCE = 1_000
"""Events that a rule looks at; a client that is further behind has a conflict."""


class ConflictRule(Protocol):
    """Says what is to be decided after the events `since` the version that `command` was made on.

    None: it is a conflict. The rule's docstring is told to clients.
    """

    __doc__: str | None

    def __call__(self, command: Any, since: Sequence[Event], /) -> Any | None: ...


def refuse(command: C, since: Sequence[Event]) -> C | None:
    """Another one is a CONCURRENCY_CONFLICT."""
    return None


def last_write_wins(command: C, since: Sequence[Event]) -> C | None:
    """Whatever happened since, this command comes after it."""
    return command

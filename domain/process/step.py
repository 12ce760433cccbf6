"""Steps of sagas: what each does, when it is done, and what undoes it. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any

from domain.kernel.command import Command
from domain.kernel.declaration_checks import check_arguments, check_pure, shown
from domain.kernel.errors import DeclarationError
from domain.kernel.event import Event
from domain.process.ports import Request

_NAME = re.compile(r"[a-z][a-z0-9_]*")


class Undeclared(Enum):
    """The value of an argument that was left out where None has a meaning."""

    UNDECLARED = "UNDECLARED"


Events = type[Event] | tuple[type[Event], ...]


@dataclass(frozen=True)
class Step:
    """A step of a saga: a command (`do`), or a request to an outside port (`call`).

    Both are functions of the saga. The step is done when one of the events `done` comes; without `done` when
    the command is stored or the port replies. It has failed when one of the events `failed` comes, the
    command or the request is refused, or the time `within` has passed.

    `undo` returns the command or the request that undoes the step. It is called when the step begins, because
    a step that has timed out is undone too, without a reply: name things by ids of your own. Write
    `undo=None` for a step that needs no compensation. Raises DeclarationError where an argument cannot be
    used.
    """

    name: str
    do: Callable[[Any], Command] | None = None
    call: Callable[[Any], Request[Any]] | None = None
    done: Events = ()
    failed: Events = ()
    undo: Callable[[Any], Command | Request[Any]] | Undeclared | None = Undeclared.UNDECLARED
    within: timedelta | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise DeclarationError(
                f'the name of a step must be in lower case, as in Step("reserve", ...), not '
                f"{shown(self.name)}"
            )
        step = f"the step {self.name!r}"
        if (self.do is None) == (self.call is None):
            raise DeclarationError(
                f"{step} needs either a command, as in do=lambda saga: ReserveStock(...), or a request, as "
                "in call=lambda saga: Authorise(...)"
            )
        for argument in ("do", "call", "undo"):
            function = getattr(self, argument)
            if function is not None and function is not Undeclared.UNDECLARED:
                check_pure(f"{argument} of {step}", function)
                check_arguments(f"{argument} of {step}", function, "saga", own="")
        for argument in ("done", "failed"):
            for each in _tuple(getattr(self, argument)):
                if not isinstance(each, type) or not issubclass(each, Event):
                    raise DeclarationError(
                        f"{argument} of {step} must be a class of events or a tuple of them, not "
                        f"{shown(each)}"
                    )
        if self.within is not None and (
            not isinstance(self.within, timedelta) or self.within <= timedelta(0)
        ):
            raise DeclarationError(
                f"within of {step} must be a timedelta above 0, as in within=timedelta(minutes=5), not "
                f"{shown(self.within)}"
            )

    @property
    def done_events(self) -> tuple[type[Event], ...]:
        """The events with which the step is done."""
        return _tuple(self.done)

    @property
    def failed_events(self) -> tuple[type[Event], ...]:
        """The events with which the step has failed."""
        return _tuple(self.failed)

    @property
    def has_reply(self) -> bool:
        """Whether the step is done with a reply, which later steps can read."""
        return self.call is not None and not self.done_events

    @property
    def has_deadline(self) -> bool:
        """Whether a deadline ends the step; a call that ends with its reply has a time limit of its own."""
        return self.within is not None and (self.call is None or bool(self.done_events))


def _tuple(events: Any) -> tuple[type[Event], ...]:
    return events if isinstance(events, tuple) else (events,)

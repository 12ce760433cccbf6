"""Policies: pure functions from an event to commands, without a state of their own. Pure.

def notify(event: RecordedEvent) -> Iterable[Command]:
    match event.payload:
        case ShipmentCreated(order_id=order):
            return [SendNotice(id=f"notice-{order}")]
    return ()

policies = (Policy("notify", events=(ShipmentCreated,), react=notify),)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from domain.kernel.command import Command
from domain.kernel.context_calls import exception_fault
from domain.kernel.declaration_checks import check_arguments, check_pure, shown
from domain.kernel.errors import ContextFault, DeclarationError
from domain.kernel.event import Event, RecordedEvent
from domain.kernel.user_exceptions import CALL_FAULTS
from domain.process.effect_ids import bounded_id
from domain.process.process import StartAt

MAX_CHAIN = 100
"""Commands of policies that may follow each other, each after the event of the one before."""

POLICY_PREFIXES = ("policy:", "policy~")
"""What the ids of commands of policies begin with."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_CHAIN = re.compile(r"policy(?:~(\d+))?:")


@dataclass(frozen=True)
class Policy:
    """A rule that dispatches commands after events.

    `react` returns the commands for an event of one of the classes `events`; it depends on nothing else.
    `starts_at` says where the policy begins on an existing log. Raises DeclarationError where one of them
    cannot be used.
    """

    name: str
    events: tuple[type[Event], ...]
    react: Callable[[RecordedEvent], Iterable[Command]]
    starts_at: StartAt = StartAt.NOW

    def __post_init__(self) -> None:
        _check_name(self.name)
        _check_events(self.name, self.events)
        called = f"react of the policy {self.name!r}"
        check_pure(called, self.react)
        check_arguments(called, self.react, "event", own="")
        if not isinstance(self.starts_at, StartAt):
            raise DeclarationError(
                f"the policy {self.name!r} starts at {shown(self.starts_at)}; write StartAt.NOW or "
                "StartAt.BEGINNING"
            )

    def commands(self, event: RecordedEvent) -> tuple[Command, ...]:
        """Return the commands for an event; raise ContextFault if `react` fails or returns anything else."""
        if type(event.payload) not in self.events:
            return ()
        called = f"react of the policy {self.name!r}"
        try:
            commands: Any = tuple(self.react(event))
        except CALL_FAULTS as error:
            if isinstance(error, MemoryError):
                raise
            raise exception_fault(called, error, f" for the event {event.type!r}") from error
        for command in commands:
            if not isinstance(command, Command):
                raise ContextFault(
                    f"{called} returned a value of class {type(command).__name__} for the event "
                    f"{event.type!r}; it must return a list of commands, [] where there is nothing to do"
                )
        return tuple(commands)

    def command_id(self, event: RecordedEvent, index: int) -> str:
        """Return the id of the command at this place among those for an event; the same each time."""
        length = chain_length(event) + 1
        prefix = "policy" if length == 1 else f"policy~{length}"
        return bounded_id(f"{prefix}:{self.name}:{event.stream}:{event.version}:{index}")


def chain_length(event: RecordedEvent) -> int:
    """Return how many commands of policies have followed each other up to this event."""
    match = _CHAIN.match(event.commit.command_id)
    # A command without a cause is that of a client, whatever its id.
    if match is None or event.commit.causation is None:
        return 0
    return int(match[1] or 1)


def _check_name(name: Any) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise DeclarationError(
            "the name of a policy must be 1 to 40 lower-case letters, digits or _, as in "
            f'Policy("notify", ...), not {shown(name)}'
        )


def _check_events(name: str, events: Any) -> None:
    classes = events if isinstance(events, tuple) else (events,)
    wrong = [each for each in classes if not isinstance(each, type) or not issubclass(each, Event)]
    if wrong or not isinstance(events, tuple) or not events:
        raise DeclarationError(
            f"events of the policy {name!r} must be a tuple of classes of events, as in "
            f"events=(ShipmentCreated,), not {shown(wrong[0] if wrong else events)}"
        )

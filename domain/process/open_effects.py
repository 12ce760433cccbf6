"""The parts of an instance's state: effects without an outcome, what undoes them, deadlines. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from domain.kernel.fields import Json
from domain.process.events import CallRequested, ChildRequested, CommandRequested
from domain.process.personal_values import members_in


class EffectKind(StrEnum):
    """What an effect is."""

    COMMAND = "COMMAND"
    CALL = "CALL"
    CHILD = "CHILD"


@dataclass(frozen=True, slots=True)
class Undo:
    """The command that undoes the effect of the name `effect`, or the request where `port` is set.

    `personal` has the subjects of the personal values in `input`.
    """

    effect: str
    operation: str
    input: Json
    port: str | None = None
    personal: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the compensation."""
        return f"undo {self.effect}"


@dataclass(frozen=True, slots=True)
class PendingEffect:
    """An effect without an outcome. `compensation` undoes it; `compensates` is the effect that it undoes.

    `operation` is the name of the command or the request, or the id of the child; `port` that of a call, and
    `due` the end of its time. A call that a person had tried again has no end.
    """

    kind: EffectKind
    name: str
    operation: str
    port: str | None = None
    compensation: Undo | None = None
    compensates: str | None = None
    due: datetime | None = None


@dataclass(frozen=True, slots=True)
class UnhandledOutcome:
    """An outcome that was recorded while the instance was stuck: the event's type and its data as JSON.

    `effect`, `name`, `operation` and `port` are those of the effect or the deadline.
    """

    effect: str
    name: str
    type: str
    data: Json
    operation: str = ""
    port: str | None = None


@dataclass(frozen=True, slots=True)
class Deadline:
    """A deadline that has not come yet, and the id of its effect."""

    effect: str
    due: datetime


def pending_effect(event: CommandRequested | CallRequested | ChildRequested) -> PendingEffect:
    """Return the effect that an event asks for, without an outcome."""
    port, due = None, None
    match event:
        case ChildRequested():
            return PendingEffect(EffectKind.CHILD, event.name, f"{event.process}-{event.key}")
        case CommandRequested():
            kind, operation = EffectKind.COMMAND, event.command
        case CallRequested():
            kind, operation, port, due = EffectKind.CALL, event.request, event.port, event.due
    undo = None
    if event.compensation is not None:
        undo = Undo(
            event.name,
            event.compensation,
            event.compensation_input,
            event.compensation_port,
            members_in("compensation_input", event.personal),
        )
    return PendingEffect(kind, event.name, operation, port, undo, event.compensates, due)

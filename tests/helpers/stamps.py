"""A context that everybody may write to: stamps with a level, and with a lock that hides them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypedDict

from domain.kernel import Aggregate, ChangeCommand, Context, CreateCommand, Event, Facts, RecordedEvent
from domain.kernel.access import anyone, claim, nobody, where
from projections.kernel import View


class StampPressed(Event, type="stamp.pressed"):
    """A stamp was pressed."""

    access = claim("level", "level")

    level: int


class StampLocked(Event, type="stamp.locked"):
    """A stamp was locked."""

    access = nobody


class PressStamp(CreateCommand):
    """Presses a stamp."""

    access = anyone

    level: int


class LockStamp(ChangeCommand):
    """Locks a stamp, unless it is locked."""

    access = where("locked", False)


StampCommand = PressStamp | LockStamp
StampEvent = StampPressed | StampLocked


@dataclass(frozen=True, slots=True)
class Stamp(Aggregate[StampCommand, StampEvent]):
    """A stamp as it stands."""

    category = "stamp"

    locked: bool = False

    def decide(self, command: StampCommand, facts: Facts) -> Sequence[StampEvent]:
        match command:
            case PressStamp(level=level):
                return [StampPressed(level=level)]
            case LockStamp():
                return [StampLocked()]

    def evolve(self, event: StampEvent) -> Stamp:
        return replace(self, locked=isinstance(event, StampLocked))


class StampRow(TypedDict):
    """A stamp."""

    id: str
    level: int


def _apply(id: str, row: StampRow | None, event: RecordedEvent) -> StampRow | None:
    payload = event.payload
    return StampRow(id=id, level=payload.level) if isinstance(payload, StampPressed) else row


context = Context("stamps", Stamp)
view = View(context=context, row=StampRow, apply=_apply, filters=("level",), access=claim("level", "level"))

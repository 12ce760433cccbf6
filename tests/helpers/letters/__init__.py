"""A context whose event has had three shapes, as a project has it after some years."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, TypedDict

from domain.kernel import Aggregate, ChangeCommand, Context, Event, Facts, RecordedEvent
from projections.kernel import View, by_stream
from tests.helpers.letters.upcasters import sent_1, sent_2


class Speed(StrEnum):
    """How fast a letter goes."""

    SLOW = "SLOW"
    FAST = "FAST"


class Sent(Event, type="letter.sent", revision=3):
    """A letter went out. It had one recipient once, and was urgent or not."""

    recipients: list[str]
    text: str
    speed: Speed
    due: datetime | None = None


class Opened(Event, type="letter.opened"):
    """A letter was opened by somebody."""

    by: str


class Send(ChangeCommand):
    """Changes nothing; a context has a command."""


@dataclass(frozen=True, slots=True)
class Letter(Aggregate[Send, Sent | Opened]):
    """Who a letter is for, and who has opened it."""

    category: ClassVar[str] = "letter"
    recipients: frozenset[str] = frozenset()
    speed: Speed | None = None
    opened: tuple[str, ...] = ()

    def decide(self, command: Send, facts: Facts) -> Sequence[Sent | Opened]:
        return ()

    def evolve(self, event: Sent | Opened) -> Letter:
        if isinstance(event, Sent):
            return replace(self, recipients=self.recipients | {*event.recipients}, speed=event.speed)
        return replace(self, opened=(*self.opened, event.by))


context = Context("letters", Letter, upcasters=(sent_1, sent_2))


class LetterRow(TypedDict):
    """A letter as it went out last."""

    id: str
    recipients: list[str]
    speed: Speed
    opened: int


def _apply(id: str, row: LetterRow | None, event: RecordedEvent) -> LetterRow | None:
    match event.payload:
        case Sent(recipients=recipients, speed=speed):
            return {"id": id, "recipients": recipients, "speed": speed, "opened": row["opened"] if row else 0}
        case Opened() if row:
            return {**row, "opened": row["opened"] + 1}
    return row


view = View(name="letters", singular="letter", context=context, row=LetterRow, key=by_stream, apply=_apply)

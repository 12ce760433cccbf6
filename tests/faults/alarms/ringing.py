"""The process that rings each alarm at its time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from domain.kernel import Event, RecordedEvent
from domain.process import (
    Complete,
    DeadlineReached,
    Process,
    ProcessFacts,
    Reaction,
    SetDeadline,
    StartAt,
    process_context,
)
from tests.faults.alarms.alarms import AlarmSet


class AlarmRang(Event, type="ringing.rang"):
    """The alarm rang."""


@dataclass(frozen=True, slots=True)
class Ringing(Process[AlarmSet | DeadlineReached, AlarmRang]):
    """Rings an alarm at its time."""

    category = "ringing"
    starts_at = StartAt.BEGINNING

    @classmethod
    def key(cls, event: RecordedEvent) -> str | None:
        return event.stream

    def react(self, trigger: AlarmSet | DeadlineReached, facts: ProcessFacts) -> Reaction:
        match trigger:
            case AlarmSet(due=due):
                return [SetDeadline("due", due)]
            case DeadlineReached():
                return [AlarmRang(), Complete()]

    def evolve(self, event: AlarmRang) -> Self:
        return self


context = process_context("ringings", Ringing)

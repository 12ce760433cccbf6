"""Alarms, each with the time at which it is to ring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from domain.kernel import Aggregate, Context, CreateCommand, Event, Facts


class SetAlarm(CreateCommand):
    """Set an alarm."""

    due: datetime


class AlarmSet(Event, type="alarm.set"):
    due: datetime


@dataclass(frozen=True, slots=True)
class Alarm(Aggregate[SetAlarm, AlarmSet]):
    category = "alarm"

    def decide(self, command: SetAlarm, facts: Facts) -> Sequence[AlarmSet]:
        return [AlarmSet(due=command.due)]

    def evolve(self, event: AlarmSet) -> Self:
        return self


context = Context("alarms", Alarm)

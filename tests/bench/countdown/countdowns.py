"""Countdowns: each command counts one down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from domain.kernel import Aggregate, ChangeCommand, Context, CreateCommand, Event, Facts


class StartCountdown(CreateCommand):
    """Start a countdown."""

    left: int


class CountDown(ChangeCommand):
    """Count one down."""


class CountdownStarted(Event, type="countdown.started"):
    left: int


class CountedDown(Event, type="countdown.counted_down"):
    left: int


CountdownCommand = StartCountdown | CountDown
CountdownEvent = CountdownStarted | CountedDown


@dataclass(frozen=True, slots=True)
class Countdown(Aggregate[CountdownCommand, CountdownEvent]):
    category = "countdown"
    left: int = 0

    def decide(self, command: CountdownCommand, facts: Facts) -> Sequence[CountdownEvent]:
        match command:
            case StartCountdown(left=left):
                return [CountdownStarted(left=left)]
            case CountDown():
                return [CountedDown(left=self.left - 1)]

    def evolve(self, event: CountdownEvent) -> Self:
        return replace(self, left=event.left)


context = Context("countdowns", Countdown)

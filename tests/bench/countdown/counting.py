"""The process that counts a countdown down to zero, one command after the event of the one before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from domain.kernel import Event, RecordedEvent
from domain.process import Complete, Dispatch, Process, ProcessFacts, Reaction, process_context
from tests.bench.countdown.countdowns import CountDown, CountdownEvent


class Counted(Event, type="counting.counted"):
    left: int


@dataclass(frozen=True, slots=True)
class Counting(Process[CountdownEvent, Counted]):
    """Counts a countdown down to zero."""

    category = "counting"
    left: int = 0

    @classmethod
    def key(cls, event: RecordedEvent) -> str | None:
        return event.stream

    def react(self, trigger: CountdownEvent, facts: ProcessFacts) -> Reaction:
        next_effect = Dispatch(CountDown(id=facts.key)) if trigger.left else Complete()
        return [Counted(left=trigger.left), next_effect]

    def evolve(self, event: Counted) -> Self:
        return replace(self, left=event.left)


context = process_context("countings", Counting)

"""Sagas under any outcomes of their steps: each ends, and what was done is undone or all of it is done."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.kernel import Event
from domain.process import (
    CallFailed,
    CallReplied,
    CallTimedOut,
    CommandDone,
    CommandRefused,
    DeadlineReached,
    Saga,
)
from domain.process.events import (
    CallRequested,
    CallSucceeded,
    CallWasTimedOut,
    CommandRequested,
    CommandSucceeded,
    CompensationStarted,
    ProcessStatus,
)
from domain.process.open_effects import EffectKind, PendingEffect
from domain.process.saga import StepDone
from domain.process.saga_checks import groups
from domain.testing import ProcessScenario, given_process
from tests.helpers.journeys import JourneyPlanned, Paid, PlaceBooked, PlaceRefused, Tour, Trip

JOURNEY = "journey-1"
END = (ProcessStatus.COMPLETED, ProcessStatus.COMPENSATED)
CHOICES = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5)), min_size=20, max_size=40)


class Course:
    """A saga on its way, with all events of its stream."""

    def __init__(self, saga: type[Saga[Any, Any]]) -> None:
        self.scenario: ProcessScenario[Any] = given_process(saga)
        self.events: list[Event] = []
        self.let(JourneyPlanned(), JOURNEY)

    def let(self, trigger: Any, stream: str | None = None, of: str | None = None) -> None:
        result = self.scenario.when(trigger, stream, of=of)
        self.events += result.events
        self.scenario = result.after

    def go_on(self, which: int, how: int) -> None:
        """Let one of the things that can happen now happen, in one of several ways."""
        kept = self.scenario.instance.kept
        pending = list(kept.pending.values())
        deadlines = list(kept.deadlines)
        if deadlines and (how == 5 or not pending):
            self.let(DeadlineReached(deadlines[which % len(deadlines)]))
        elif pending:
            self._settle(pending[which % len(pending)], how)

    def _settle(self, pending: PendingEffect, how: int) -> None:
        name = pending.name
        is_good = how % 2 == 0 or pending.compensates is not None
        if pending.kind is EffectKind.CALL:
            bad = CallTimedOut(name) if how == 1 else CallFailed(name, "X", "no")
            self.let(CallReplied(name, Paid(receipt="r")) if is_good else bad)
        elif name == "seat" and how < 4 and self.scenario.status is ProcessStatus.RUNNING:
            event = PlaceBooked(journey=JOURNEY) if is_good else PlaceRefused(journey=JOURNEY)
            self.let(event, "place-seat", of=name)
        else:
            self.let(CommandDone(name, "x-1", 1) if is_good else CommandRefused(name, "X", "no"))

    def effects(self) -> dict[str, CommandRequested | CallRequested]:
        """The effects that were asked for, by id."""
        stream = self.scenario.instance.kept.instance
        return {
            f"{stream}:{version}": event
            for version, event in enumerate(self.events, 1)
            if isinstance(event, CommandRequested | CallRequested)
        }


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([Trip, Tour]), CHOICES)
def test_a_saga_does_all_of_its_steps_or_undoes_those_that_were_done(
    saga: type[Saga[Any, Any]], choices: list[tuple[int, int]]
) -> None:
    course = Course(saga)
    for choice in choices:
        course.go_on(*choice)
    assert course.scenario.status in END
    effects = course.effects()
    undone = [event.compensates for event in effects.values() if event.compensates is not None]
    steps = [step.name for group in groups(saga.steps) for step in group]
    finished = [event.step for event in course.events if isinstance(event, StepDone)]
    if course.scenario.status is ProcessStatus.COMPLETED:
        assert sorted(finished) == sorted(steps)
        assert undone == []
        return
    assert set(finished) < set(steps)
    (started,) = [event for event in course.events if isinstance(event, CompensationStarted)]
    done = [
        event.effect
        for event in course.events
        if isinstance(event, CommandSucceeded | CallSucceeded | CallWasTimedOut)
        and effects[event.effect].compensation is not None
        and event.effect not in started.without
    ]
    assert undone == done[::-1]


@pytest.mark.parametrize("saga", [Trip, Tour])
def test_a_saga_without_failures_completes(saga: type[Saga[Any, Any]]) -> None:
    course = Course(saga)
    for _ in range(8):
        course.go_on(0, 0)
    assert course.scenario.status is ProcessStatus.COMPLETED

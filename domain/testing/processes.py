"""given_process(process).after(trigger).when(trigger).then(events and effects): tests of one process. Pure.

    trip = given_process(Trip).after(JourneyPlanned()).after(PlaceBooked(journey="journey-1"), of="seat")
    trip.when(CallFailed("pay", "DECLINED", "no money")).then(
        Dispatch(CloseJourney(id="journey-1", how="no pay"), "failure of pay"),
        Compensate("pay was refused: no money"),
    )

A trigger is an event of another stream, an outcome such as `CommandDone`, a deadline such as
`DeadlineReached("seat")`, or a command of a person such as `RetryProcess`. It meets the same rules as in the
running nerve. A test that fails raises AssertionError.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Generic, TypeVar

from domain.kernel.aggregate import Facts
from domain.kernel.event import Event
from domain.process.commands import InstanceCommand
from domain.process.effect_events import effect_events
from domain.process.effects import Effect
from domain.process.events import DeadlinePassed, ProcessReacted, ProcessStarted, ProcessStatus, ProcessStuck
from domain.process.instance import INSTANCE_EVENTS, instance_class
from domain.process.instance_state import InstanceState
from domain.process.keys import instance_of
from domain.process.open_effects import EffectKind
from domain.process.outcomes import DeadlineReached, Outcome, ProcessRequested
from domain.process.process import Process
from domain.process.reacting import (
    react_to_deadline,
    react_to_event,
    react_to_outcome,
    react_to_request,
)
from domain.process.settlements import SETTLEMENTS, settlement_of
from domain.testing.events import NOON, listed, recorded, stored

P = TypeVar("P", bound=Process[Any, Any])

_RECORDS = (ProcessStarted, ProcessReacted, *SETTLEMENTS)
"""Events that record a trigger; what a test expects is what follows from it."""


def given_process(process: type[P]) -> ProcessScenario[P]:
    """Start a scenario: an instance of this process that has not started."""
    return ProcessScenario(process, instance_class(process)())


@dataclass(frozen=True)
class ProcessScenario(Generic[P]):
    """An instance with its history; its methods return a scenario with one more circumstance."""

    process: type[P]
    instance: Any
    now: datetime = NOON
    count: int = 0

    @property
    def state(self) -> P:
        """The state of the process."""
        own: P = self.instance.own
        return own

    @property
    def status(self) -> ProcessStatus:
        """The status of the instance."""
        return self._kept.status

    def at(self, now: datetime) -> ProcessScenario[P]:
        """Let further triggers come at this time."""
        return replace(self, now=now)

    def after(
        self, trigger: Event | Outcome | InstanceCommand, stream: str | None = None, *, of: str | None = None
    ) -> ProcessScenario[P]:
        """Add a trigger to the history; see `when`."""
        return self.when(trigger, stream, of=of).after

    def when(
        self, trigger: Event | Outcome | InstanceCommand, stream: str | None = None, *, of: str | None = None
    ) -> TriggerResult[P]:
        """Let a trigger come.

        An event is one of `stream`, which is made of the event's type if left out: ``order.placed`` is of
        ``order-1``. With `of` the command of that name, which the process has dispatched, has caused it.
        """
        if isinstance(trigger, Event):
            events = self._after_event(trigger, stream, of)
        elif isinstance(trigger, InstanceCommand):
            facts = Facts(now=self.now, stream_id=self._kept.instance, version=self._kept.version)
            events = self.instance.decide(trigger, facts)
        elif isinstance(trigger, ProcessRequested):
            instance = f"{self.process.category}-{stream or 1}"
            events = react_to_request(
                self.instance, trigger, f"{trigger.parent}:1", instance, self.now
            ).events
        else:
            events = self._after_outcome(trigger)
        return TriggerResult(self, tuple(map(stored, events)))

    @property
    def _kept(self) -> InstanceState:
        kept: InstanceState = self.instance.kept
        return kept

    def _after_event(self, event: Event, stream: str | None, of: str | None) -> Sequence[Event]:
        command_id = None if of is None else self._effect(of)
        record = recorded(event, stream, self.count + 1, self.now, command_id)
        instance = instance_of(self.process, record)
        if instance is None:
            return ()
        if self._kept.instance and instance != self._kept.instance:
            raise AssertionError(
                f"the {event.type} of {record.stream} concerns {instance} and not {self._kept.instance}"
            )
        return react_to_event(self.instance, record, instance, self.now).events

    def _after_outcome(self, outcome: Any) -> Sequence[Event]:
        if isinstance(outcome, DeadlineReached):
            deadline = self._kept.deadlines.get(outcome.name)
            if deadline is None:
                raise AssertionError(f"no deadline {outcome.name!r} is set{self._instead(outcome.name)}")
            passed = DeadlinePassed(effect=deadline.effect, name=outcome.name)
            return react_to_deadline(self.instance, passed, self.now).events
        effect = self._effect(outcome.name)
        settlement = settlement_of(effect, outcome)
        return react_to_outcome(self.instance, effect, settlement, outcome, self.now).events

    def _instead(self, name: str) -> str:
        """Return what a test can name in place of a deadline that is not set."""
        calls = [call.name for call in self._kept.pending.values() if call.kind is EffectKind.CALL]
        if name in calls:
            return f"; the time limit of a call is CallTimedOut({name!r})"
        return _names(self._kept.deadlines)

    def _effect(self, name: str) -> str:
        """Return the id of the effect of this name that has no outcome."""
        for effect, pending in self._kept.pending.items():
            if pending.name == name:
                return effect
        names = [pending.name for pending in self._kept.pending.values()]
        raise AssertionError(f"no effect {name!r} is without an outcome{_names(names)}")


@dataclass(frozen=True)
class TriggerResult(Generic[P]):
    """What an instance did after a trigger."""

    before: ProcessScenario[P]
    events: Sequence[Event]

    @property
    def after(self) -> ProcessScenario[P]:
        """The scenario after the trigger."""
        instance = self.before.instance.evolve_all(self.events)
        return replace(self.before, instance=instance, count=self.before.count + 1)

    def then(self, *expected: Event | Effect) -> None:
        """Expect exactly these own events and effects, in this order.

        Events of nerve such as `ProcessCompensated` may be among them.
        """
        actual = [event for event in self.events if not isinstance(event, _RECORDS)]
        if actual != list(self._as_events(expected)):
            raise AssertionError(f"the reaction was {listed(actual)}\nand not {listed(expected)}")

    def then_nothing(self) -> None:
        """Expect that nothing follows from the trigger."""
        self.then()

    def then_stuck(self, containing: str = "") -> None:
        """Expect that the instance is stuck, for a reason that holds `containing`."""
        stuck = [event for event in self.events if isinstance(event, ProcessStuck)]
        if not stuck:
            raise AssertionError(f"the reaction was {listed(self.events)}, and the instance is not stuck")
        if containing not in stuck[0].reason:
            raise AssertionError(f"the instance is stuck for {stuck[0].reason!r}, without {containing!r}")

    def _as_events(self, expected: Sequence[Event | Effect]) -> Iterator[Event]:
        """Yield the events with which an instance would ask for what is expected."""
        records = [event for event in self.events if isinstance(event, _RECORDS)]
        instance = self.before.instance.evolve_all(records)
        for part in expected:
            if isinstance(part, Event):
                events: Sequence[Event] = (part,)
            else:
                events = effect_events(part, self.before.process, instance.kept, self.before.now)
            for event in map(stored, events):
                yield event
                if isinstance(event, (*INSTANCE_EVENTS, *self.before.process.declared_events())):
                    instance = instance.evolve(event)


def _names(names: Any) -> str:
    return f"; there are {', '.join(map(repr, names))}" if names else ""

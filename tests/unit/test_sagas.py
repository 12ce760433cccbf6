"""Sagas: their steps in order and in parallel, and what undoes them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import bson
import pytest

from domain.kernel import Catalog, Event
from domain.kernel.errors import ContextFault
from domain.kernel.types.annotations import record_type
from domain.kernel.types.stored_values import decoder, encoder
from domain.process import (
    CallFailed,
    CallReplied,
    CallTimedOut,
    CommandDone,
    CommandRefused,
    Complete,
    DeadlineReached,
    EffectSkipped,
    ProcessFacts,
    Saga,
    Step,
)
from domain.process.commands import ResumeProcess
from domain.process.events import (
    CallRequested,
    CallSucceeded,
    CallWasRefused,
    CallWasTimedOut,
    CommandRequested,
    CommandSucceeded,
    CommandWasRefused,
    CompensationStarted,
    DeadlineCancelled,
    DeadlinePassed,
    DeadlineSet,
    ProcessCompensated,
    ProcessCompleted,
    ProcessReacted,
    ProcessStarted,
    ProcessStatus,
    ProcessStuck,
)
from domain.process.instance import instance_class
from domain.process.process import own_event_classes, trigger_classes
from domain.process.saga import StepDone
from eventstore.mongo.driver import CODEC
from tests.helpers.instances import NOW, InstanceLog, recorded
from tests.helpers.journeys import (
    CONTEXTS,
    JourneyPlanned,
    Paid,
    PlaceBooked,
    PlaceRefused,
    Tour,
    Trip,
    TripStarted,
)

STREAM = "journey-1"
PAID = CallReplied("pay", Paid(receipt="r7"))
BOOKED, REFUSED = PlaceBooked(journey=STREAM), PlaceRefused(journey=STREAM)


def begun(saga: type[Saga[Any, Any]]) -> InstanceLog:
    log = InstanceLog(saga, f"{saga.category}-{STREAM}")
    log.deliver(JourneyPlanned(), STREAM)
    return log


def effect_of(log: InstanceLog, name: str) -> str:
    """The id of the effect of this name, which has no outcome."""
    (effect,) = [effect for effect, pending in log.kept.pending.items() if pending.name == name]
    return effect


def own_event(log: InstanceLog, name: str, payload: Event) -> Sequence[Event]:
    """The events after an event of the command that the saga has dispatched for a step."""
    number = log.kept.version + 100
    return log.react(recorded(payload, f"place-{name}", 1, number, command_id=effect_of(log, name)))


def do(log: InstanceLog, name: str) -> Sequence[Event]:
    done = CommandSucceeded(effect=effect_of(log, name), stream="place-1", version=1)
    return log.settle(done, CommandDone(name, "place-1", 1))


def refuse(log: InstanceLog, name: str) -> Sequence[Event]:
    refused = CommandWasRefused(effect=effect_of(log, name), code="X", message="no")
    return log.settle(refused, CommandRefused(name, "X", "no"))


def pay(log: InstanceLog) -> Sequence[Event]:
    return log.settle(CallSucceeded(effect=effect_of(log, "pay"), reply={"receipt": "r7"}), PAID)


def names(events: Sequence[Any]) -> list[str]:
    """The names of the effects that these events ask for."""
    return [event.name for event in events if isinstance(event, CommandRequested | CallRequested)]


def test_a_saga_goes_through_its_steps_and_completes() -> None:
    log = begun(Trip)
    assert [type(event) for event in log.events] == [
        ProcessStarted, ProcessReacted, TripStarted, CommandRequested, DeadlineSet,
    ]  # fmt: skip
    assert log.kept.deadlines["seat"].due == NOW + timedelta(minutes=5)
    events = own_event(log, "seat", BOOKED)
    assert [type(event) for event in events] == [
        ProcessReacted, CommandSucceeded, StepDone, DeadlineCancelled, CallRequested,
    ]  # fmt: skip
    assert pay(log)[-2:] == (
        StepDone(step="pay", reply={"receipt": "r7"}),
        CommandRequested(name="close", command="CloseJourney", input={"id": STREAM, "how": "r7"}),
    )
    assert do(log, "close")[1:] == (StepDone(step="close"), ProcessCompleted())
    assert log.kept.status is ProcessStatus.COMPLETED


def test_a_step_that_has_failed_by_an_event_is_not_undone_but_those_before_are() -> None:
    log = begun(Trip)
    events = own_event(log, "seat", REFUSED)
    assert names(events) == ["failure of seat"]
    assert events[-1] == CompensationStarted(
        reason="seat has failed: place.refused", without=(f"trip-{STREAM}:4",)
    )
    assert do(log, "failure of seat")[-1] == ProcessCompensated()


def test_a_call_that_is_refused_undoes_the_steps_before() -> None:
    log = begun(Trip)
    own_event(log, "seat", BOOKED)
    refused = CallWasRefused(effect=effect_of(log, "pay"), code="DECLINED", message="no money")
    events = log.settle(refused, CallFailed("pay", "DECLINED", "no money"))
    assert names(events) == ["failure of pay"]
    assert names(do(log, "failure of pay")) == ["undo seat"]
    assert do(log, "undo seat")[-1] == ProcessCompensated()


def test_a_call_that_has_timed_out_is_undone_too() -> None:
    log = begun(Trip)
    own_event(log, "seat", BOOKED)
    log.settle(CallWasTimedOut(effect=effect_of(log, "pay")), CallTimedOut("pay"))
    assert names(do(log, "failure of pay")) == ["undo pay"]


def test_a_step_whose_deadline_comes_is_undone_when_its_command_is_stored() -> None:
    log = begun(Trip)
    deadline = log.kept.deadlines["seat"]
    events = log.pass_deadline(DeadlinePassed(effect=deadline.effect, name="seat"))
    assert names(events) == ["failure of seat"]
    do(log, "failure of seat")
    assert names(do(log, "seat")) == ["undo seat"]


def test_parallel_steps_begin_together_and_the_next_when_all_are_done() -> None:
    log = begun(Tour)
    assert names(log.events) == ["one", "two"]
    assert names(do(log, "two")) == []
    assert names(do(log, "one")) == ["three"]
    assert names(refuse(log, "three")) == ["undo one"]
    assert names(do(log, "undo one")) == ["undo two"]
    assert do(log, "undo two")[-1] == ProcessCompensated()


def test_a_parallel_step_is_awaited_before_the_others_are_undone() -> None:
    log = begun(Tour)
    assert names(refuse(log, "one")) == []
    assert log.kept.status is ProcessStatus.COMPENSATING
    assert names(do(log, "two")) == ["undo two"]


def test_an_event_that_starts_nothing_leaves_no_instance() -> None:
    log = InstanceLog(Tour, "tour-journey-none")
    assert log.deliver(JourneyPlanned(), STREAM) == ()


def test_events_of_steps_that_are_not_under_way_change_nothing() -> None:
    log = begun(Trip)
    own_event(log, "seat", BOOKED)
    before = log.instance
    assert log.deliver(REFUSED, "place-other") == ()
    assert log.deliver(JourneyPlanned(), STREAM) == ()
    assert log.instance == before


def test_a_compensation_that_fails_leaves_the_saga_stuck_with_what_is_not_undone() -> None:
    log = begun(Tour)
    do(log, "two")
    do(log, "one")
    refuse(log, "three")
    (stuck,) = refuse(log, "undo one")
    assert isinstance(stuck, ProcessStuck)
    assert stuck.reason == "undo one was refused: no; not undone yet: one, two"
    assert names(log.operate(ResumeProcess(id=log.stream, reason="by hand"))) == ["undo two"]


def test_a_step_that_a_person_skips_counts_as_done() -> None:
    log = begun(Trip)
    own_event(log, "seat", BOOKED)
    instance = log.instance.own
    paid = instance.evolve(StepDone(step="pay", reply={"receipt": "x"}))
    facts = ProcessFacts(now=NOW, instance=log.stream, version=log.kept.version)
    done, following = paid.react(EffectSkipped("close"), facts)
    assert done == StepDone(step="close")
    assert following == Complete()


def test_a_reply_that_a_step_does_not_have_is_a_fault() -> None:
    with pytest.raises(ContextFault, match="the step 'pay' of Trip has no reply of a port"):
        begun(Trip).instance.own.reply("pay", Paid)
    with pytest.raises(ContextFault, match="the Trip has no data, for it has not started"):
        Trip().data  # noqa: B018


def test_triggers_and_events_follow_from_the_steps() -> None:
    assert PlaceRefused in trigger_classes(Trip)
    assert {CallReplied, DeadlineReached, CommandDone} <= set(trigger_classes(Trip))
    assert not {CallReplied, DeadlineReached} & set(trigger_classes(Tour))
    assert own_event_classes(Trip) == (TripStarted, StepDone)
    Catalog(CONTEXTS)


@pytest.mark.parametrize("wrong", [{"do": lambda saga: 7}, {"call": lambda saga: 7}])
def test_a_step_that_returns_something_else_makes_the_saga_stuck(
    wrong: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Tour, "steps", (Step("a", undo=None, **wrong),))
    stuck = begun(Tour).events[-1]
    assert isinstance(stuck, ProcessStuck)
    assert "of the step 'a' returned a value of class int; it must return a" in stuck.reason


def test_a_snapshot_of_a_saga_comes_back() -> None:
    log = begun(Trip)
    own_event(log, "seat", BOOKED)
    pay(log)
    record = record_type(instance_class(Trip))
    encode, decode = encoder(record), decoder(record)
    assert encode is not None
    assert decode is not None
    assert decode(bson.decode(bson.encode(encode(log.instance)), CODEC)) == log.instance

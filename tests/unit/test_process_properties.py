"""Instances under any order of events, outcomes and a person's commands."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import bson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.kernel import Event, InvariantViolated
from domain.kernel.types.annotations import record_type
from domain.kernel.types.stored_values import decoder, encoder
from domain.process import (
    CallFailed,
    CallReplied,
    CallTimedOut,
    CommandDone,
    CommandRefused,
    Outcome,
    Process,
    ProcessEnded,
)
from domain.process.commands import CancelProcess, ResumeProcess, RetryProcess
from domain.process.events import (
    CallRequested,
    CallSucceeded,
    CallWasRefused,
    CallWasTimedOut,
    ChildEnded,
    CommandRequested,
    CommandSucceeded,
    CommandWasRefused,
    CompensationStarted,
    DeadlinePassed,
    DeadlineSet,
    ProcessCompensated,
    ProcessRetried,
    ProcessStatus,
)
from domain.process.instance import instance_class
from domain.process.open_effects import EffectKind, PendingEffect
from eventstore.mongo.driver import CODEC
from tests.helpers.errands import Answer, Careless, Errand, ErrandExtended, ErrandGiven
from tests.helpers.instances import InstanceLog

NAMES = st.sampled_from("abc")
WORK = st.builds(
    "{} {}".format, st.sampled_from(["do", "do+undo", "ask", "ask+undo", "visit", "wait", "note"]), NAMES
)
RARE = st.sampled_from(
    ["stop-waiting a", "stop-waiting b", "complete ok", "fail x", "compensate x", "raise x"]
)
SCRIPTS = st.lists(st.one_of(WORK, WORK, WORK, RARE), max_size=4)
OUTCOMES = (
    "CommandDone", "CommandRefused", "CallReplied", "CallFailed", "DeadlineReached", "EffectSkipped",
)  # fmt: skip
THEN = st.dictionaries(st.sampled_from(OUTCOMES), SCRIPTS, max_size=4)
STREAMS = st.sampled_from(["list-1", "list-2", "shop-1"])

ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("event"), SCRIPTS, STREAMS),
        st.tuples(st.just("outcome"), st.integers(0, 9), st.booleans()),
        st.tuples(st.just("outcome"), st.integers(0, 9), st.booleans()),
        st.tuples(st.just("deadline"), st.integers(0, 9)),
        st.tuples(st.just("operate"), st.sampled_from(["retry", "resume", "cancel", "undo"])),
    ),
    max_size=14,
)
STUDIED = [Errand, Careless]


def settlement(effect: str, pending: PendingEffect, *, good: bool) -> tuple[Event, Outcome]:
    """An outcome of a pending effect."""
    name = pending.name
    match pending.kind, good:
        case EffectKind.COMMAND, True:
            done = CommandSucceeded(effect=effect, stream="chore-1", version=1)
            return done, CommandDone(name, "chore-1", 1)
        case EffectKind.CALL, True:
            return CallSucceeded(effect=effect, reply={"text": "x"}), CallReplied(name, Answer(text="x"))
        case EffectKind.CHILD, _:
            return ChildEnded(effect=effect, status="FAILED"), ProcessEnded(name, "visit-1", "FAILED")
        case EffectKind.COMMAND, _:
            return CommandWasRefused(effect=effect, code="X", message="x"), CommandRefused(name, "X", "x")
    if len(effect) % 2:
        return CallWasTimedOut(effect=effect), CallTimedOut(name)
    return CallWasRefused(effect=effect, code="X", message="x"), CallFailed(name, "X", "x")


class Trial:
    """Carries out actions on an instance, and remembers each trigger to deliver it again."""

    def __init__(self, process: type[Process[Any, Any]], then: dict[str, list[str]]) -> None:
        self.log = InstanceLog(process)
        self.handled: list[Any] = []
        self.triggers: list[tuple[str, Any]] = []
        self._deliver(self.log.event(ErrandGiven(key="1", script=["note start"], then=then)))

    def carry_out(self, action: tuple[Any, ...]) -> None:
        match action:
            case "event", script, stream:
                kind = ErrandExtended if isinstance(self.log.instance.own, Errand) else ErrandGiven
                self._deliver(self.log.event(kind(key="1", script=script), stream))
            case "outcome", number, good if self.log.kept.pending:
                effects = list(self.log.kept.pending)
                effect = effects[number % len(effects)]
                self._settle(settlement(effect, self.log.kept.pending[effect], good=good))
            case "deadline", number if self.log.kept.deadlines:
                names = list(self.log.kept.deadlines)
                name = names[number % len(names)]
                effect = self.log.kept.deadlines[name].effect
                self._pass(DeadlinePassed(effect=effect, name=name))
            case "operate", verb:
                self._operate(verb)

    def _is_stuck(self) -> bool:
        return self.log.kept.status is ProcessStatus.STUCK

    def _deliver(self, event: Any) -> None:
        if not self._is_stuck():
            self.log.react(event)
            if not self._is_stuck():
                self.triggers.append(("event", event))

    def _settle(self, pair: tuple[Event, Outcome]) -> None:
        events = self.log.settle(*pair)
        if pair[0] in events:
            self.triggers.append(("outcome", pair))

    def _pass(self, passed: DeadlinePassed) -> None:
        if passed in self.log.pass_deadline(passed):
            self.triggers.append(("deadline", passed))

    def _operate(self, verb: str) -> None:
        command: Any = {
            "retry": RetryProcess(id=self.log.stream, reason="x"),
            "resume": ResumeProcess(id=self.log.stream, reason="x"),
            "cancel": CancelProcess(id=self.log.stream, reason="x"),
            "undo": CancelProcess(id=self.log.stream, reason="x", compensate=True),
        }[verb]
        with suppress(InvariantViolated):
            self.log.operate(command)

    def repeat(self, trigger: tuple[str, Any]) -> Sequence[Event]:
        match trigger:
            case "event", event:
                return self.log.react(event)
            case "outcome", pair:
                return self.log.settle(*pair)
        return self.log.pass_deadline(trigger[1])


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(STUDIED), THEN, ACTIONS, st.data())
def test_whatever_is_delivered_again_changes_nothing(
    process: type[Process[Any, Any]], then: dict[str, list[str]], actions: list[Any], data: st.DataObject
) -> None:
    trial = Trial(process, then)
    for action in actions:
        trial.carry_out(action)
        for trigger in data.draw(st.permutations(trial.triggers)):
            before = trial.log.instance
            assert trial.repeat(trigger) == ()
            assert trial.log.instance == before


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(STUDIED), THEN, ACTIONS)
def test_the_stored_events_and_a_snapshot_lead_to_the_same_instance(
    process: type[Process[Any, Any]], then: dict[str, list[str]], actions: list[Any]
) -> None:
    trial = Trial(process, then)
    for action in actions:
        trial.carry_out(action)
    instance = trial.log.instance
    kind = instance_class(process)
    assert kind().evolve_all(trial.log.events) == instance
    record = record_type(kind)
    encode, decode = encoder(record), decoder(record)
    assert encode is not None
    assert decode is not None
    assert decode(bson.decode(bson.encode(encode(instance)), CODEC)) == instance
    assert instance.kept.version == len(trial.log.events)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(["do", "do+undo", "ask", "ask+undo"]), min_size=1, max_size=6),
    st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=40),
)
def test_what_was_done_is_undone_in_reverse_order_under_any_outcomes(
    verbs: list[str], outcomes: list[tuple[int, bool]]
) -> None:
    trial = Trial(Errand, {})
    trial.carry_out(("event", [f"{verb} {index}" for index, verb in enumerate(verbs)], "list-1"))
    half = len(outcomes) // 2
    for number, good in outcomes[:half]:
        trial.carry_out(("outcome", number, good))
    trial.carry_out(("event", ["compensate x"], "list-1"))
    for number, good in outcomes[half:]:
        trial.carry_out(("outcome", number, good))
        trial.carry_out(("operate", "retry"))
    for _ in range(30):
        trial.carry_out(("outcome", 0, True))
    events, kept = trial.log.events, trial.log.kept
    assert kept.status is ProcessStatus.COMPENSATED
    assert events[-1] == ProcessCompensated()
    asked = {
        f"errand-1:{version}": event
        for version, event in enumerate(events, 1)
        if isinstance(event, CommandRequested | CallRequested)
    }
    done = [
        event.effect
        for event in events
        if isinstance(event, CommandSucceeded | CallSucceeded | CallWasTimedOut)
        and asked[event.effect].compensation is not None
    ]
    undone = [event.compensates for event in asked.values() if event.compensates is not None]
    assert undone == done[::-1], "each once, the last first"
    assert sum(isinstance(event, CompensationStarted) for event in events) == 1


@pytest.mark.parametrize("process", STUDIED)
def test_a_trial_reaches_the_states_that_it_is_about(process: type[Process[Any, Any]]) -> None:
    trial = Trial(process, {})
    trial.carry_out(("event", ["do+undo a", "wait b", "raise x"], "list-2"))
    statuses = [trial.log.kept.status]
    trial.carry_out(("operate", "retry"))
    assert isinstance(trial.log.events[-1], ProcessRetried)
    trial.carry_out(("event", ["do+undo a", "wait b"], "list-2"))
    assert any(isinstance(event, DeadlineSet) for event in trial.log.events)
    trial.carry_out(("outcome", 0, True))
    trial.carry_out(("operate", "undo"))
    statuses.append(trial.log.kept.status)
    assert statuses == [ProcessStatus.STUCK, ProcessStatus.COMPENSATING]

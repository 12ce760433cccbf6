"""Reactions of instances: what they record, when they change nothing, and what stops them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from domain.kernel.errors import ContextFault
from domain.process import CommandDone, CommandRefused, ProcessEnded, ProcessRequested, reaction
from domain.process.events import (
    ChildEnded,
    ChildRequested,
    CommandRequested,
    CommandSucceeded,
    CommandWasRefused,
    DeadlinePassed,
    DeadlineSet,
    ProcessCompleted,
    ProcessFailed,
    ProcessReacted,
    ProcessStarted,
    ProcessStatus,
    ProcessStuck,
)
from domain.process.keys import instance_of
from domain.process.process import Process
from domain.process.reacting import react_to_request
from tests.helpers.errands import ChoreDone, Errand, ErrandExtended, ErrandGiven, ErrandNoted, Visit
from tests.helpers.instances import NOW, InstanceLog, recorded


def given(*script: str, **then: list[str]) -> ErrandGiven:
    """An errand; `then` has the script of each outcome, as in ``CommandDone=[...]``."""
    return ErrandGiven(key="1", script=list(script), then=then)


def started(*script: str, **then: list[str]) -> InstanceLog:
    """An errand that has reacted to its first event."""
    log = InstanceLog(Errand)
    log.deliver(given(*script, **then))
    return log


def test_a_first_event_starts_an_instance_in_one_commit() -> None:
    log = InstanceLog(Errand)
    events = log.deliver(given("do pay", "note paid"))
    assert [type(event) for event in events] == [
        ProcessStarted, ProcessReacted, CommandRequested, ErrandNoted,
    ]  # fmt: skip
    assert events[0] == ProcessStarted(instance="errand-1")
    assert events[2] == CommandRequested(name="pay", command="DoChore", input={"id": "chore-pay"})
    assert set(log.kept.pending) == {"errand-1:3"}
    assert log.instance.own.notes == ("paid",)


def test_an_event_that_leads_to_nothing_starts_no_instance() -> None:
    log = InstanceLog(Errand)
    assert log.deliver(given()) == ()
    assert log.instance.kept.version == 0


def test_a_redelivered_event_changes_nothing() -> None:
    log = started("do pay")
    before = log.instance
    assert log.redeliver(0) == ()
    assert log.instance == before


def test_an_event_that_was_left_out_is_delivered_late_once() -> None:
    log = started("note one")
    missed = log.event(ErrandExtended(key="1", script=["note missed"]), "list-9")
    log.deliver(ErrandExtended(key="1", script=["note two"]))
    assert log.react(missed) == ()
    assert log.react(missed, late=True)
    assert log.react(missed, late=True) == ()
    assert log.instance.own.notes == ("one", "two", "missed")


def test_an_outcome_is_recorded_once_and_comes_back_to_react() -> None:
    log = started("do pay", CommandDone=["note paid", "complete ok"])
    done, outcome = CommandSucceeded(effect="errand-1:4", stream="chore-pay", version=1), "pay"
    events = log.settle(done, CommandDone(outcome, "chore-pay", 1))
    assert events == (done, ErrandNoted(text="paid"), ProcessCompleted(result={"text": "ok"}))
    assert log.settle(done, CommandDone(outcome, "chore-pay", 1)) == ()
    assert log.kept.status is ProcessStatus.COMPLETED


def test_an_event_of_an_own_command_settles_that_command_in_the_same_commit() -> None:
    log = started("do pay", CommandDone=["note paid"])
    extended = ErrandExtended(key="1", script=["note extended"])
    events = log.react(recorded(extended, "chore-pay", 3, 90, command_id="errand-1:4"))
    assert events[1:] == (
        CommandSucceeded(effect="errand-1:4", stream="chore-pay", version=3),
        ErrandNoted(text="extended"),
        ErrandNoted(text="paid"),
    )
    assert log.kept.pending == {}


def test_an_event_of_an_own_command_settles_it_even_if_nothing_else_follows() -> None:
    log = started("do pay")
    events = log.react(recorded(given(), "chore-pay", 3, 90, command_id="errand-1:3"))
    assert [type(event) for event in events] == [ProcessReacted, CommandSucceeded]


def test_a_refusal_that_is_declared_comes_back_to_react() -> None:
    log = started("do pay", CommandRefused=["fail refused"])
    refused = CommandWasRefused(effect="errand-1:4", code="NOT_FOUND", message="no money")
    events = log.settle(refused, CommandRefused("pay", "NOT_FOUND", "no money"))
    assert events == (refused, ProcessFailed(reason="refused"))


def test_a_deadline_comes_once() -> None:
    log = started("wait answer", DeadlineReached=["note late"])
    passed = DeadlinePassed(effect="errand-1:4", name="answer")
    assert log.kept.deadlines["answer"].due == NOW + timedelta(hours=1)
    assert log.pass_deadline(passed) == (passed, ErrandNoted(text="late"))
    assert log.pass_deadline(passed) == ()


def test_a_deadline_that_was_replaced_does_not_come() -> None:
    log = started("wait answer")
    first = log.kept.deadlines["answer"].effect
    log.deliver(ErrandExtended(key="1", script=["wait answer"]))
    assert log.pass_deadline(DeadlinePassed(effect=first, name="answer")) == ()
    second = log.kept.deadlines["answer"].effect
    assert log.pass_deadline(DeadlinePassed(effect=second, name="answer")) != ()


def test_a_deadline_that_was_cancelled_does_not_come() -> None:
    log = started("wait answer", "stop-waiting answer", "stop-waiting other")
    assert not log.kept.deadlines
    assert log.pass_deadline(DeadlinePassed(effect="errand-1:3", name="answer")) == ()


def test_a_child_is_started_once_and_its_end_comes_back() -> None:
    log = started("visit 7", ProcessEnded=["complete ok"])
    request = log.events[-1]
    assert isinstance(request, ChildRequested)
    (effect,) = log.kept.pending
    child = InstanceLog(Visit, "visit-7")
    requested = ProcessRequested("errand-1", ErrandGiven(key="7", script=["do 7"]))
    assert child.request(requested, effect)
    assert child.request(requested, effect) == ()
    assert (child.kept.parent, child.kept.parent_effect) == ("errand-1", effect)
    (command,) = child.kept.pending
    child.settle(
        CommandSucceeded(effect=command, stream="chore-7", version=1), CommandDone("7", "chore-7", 1)
    )
    assert child.kept.status is ProcessStatus.COMPLETED
    ended = ChildEnded(effect=effect, status="COMPLETED", result={"by": "errand-1"})
    log.settle(ended, ProcessEnded("7", "visit-7", "COMPLETED", {"by": "errand-1"}))
    assert log.kept.status is ProcessStatus.COMPLETED


def test_a_child_that_cannot_react_to_its_request_has_failed() -> None:
    child = InstanceLog(Visit, "visit-7")
    events = child.request(ProcessRequested("errand-1", given("raise now")), "errand-1:3")
    assert isinstance(events[-1], ProcessFailed)
    assert "Visit.react raised ValueError" in events[-1].reason
    assert react_to_request(child.instance, ProcessRequested("x", given()), "x", "visit-7", NOW).events == ()


def test_what_comes_after_the_end_changes_nothing() -> None:
    log = started("do pay", "wait answer")
    effect, deadline = *log.kept.pending, log.kept.deadlines["answer"].effect
    log.deliver(ErrandExtended(key="1", script=["fail enough"]))
    done = CommandSucceeded(effect=effect, stream="chore-pay", version=1)
    assert log.settle(done, CommandDone("pay", "chore-pay", 1)) == ()
    assert log.pass_deadline(DeadlinePassed(effect=deadline, name="answer")) == ()
    assert log.deliver(ErrandExtended(key="1", script=["note more"])) == ()


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (["raise x"], "Errand.react raised ValueError"),
        (["complete ok", "do pay"], "Errand.react returned Dispatch after Complete, which is the last of an"),
        (["fail x", "note more"], "Errand.react returned ErrandNoted after Fail, which is the last of an"),
        (["compensate x", "wait y"], "Errand.react returned SetDeadline after Compensate, which is the last"),
        (["do pay", "complete ok"], "Errand.react returned Complete with the effect 'pay', which would not"),
        (["ask a", "fail x"], "Errand.react returned Fail with the effect 'a', which would not be run any"),
        (["do pay", "ask pay"], "Errand.react returned a second effect 'pay' while one has no outcome yet"),
        (["visit a b"], "Errand.react returned StartProcess with a key of 3 characters that cannot be part"),
        (
            ["visit " + "x" * 121],
            "a key of 121 characters that cannot be part of an id: a key of 'visit' has",
        ),
        (
            ["hello"],
            "Errand.react returned a value of class str in its list; each must be an own event or an",
        ),
    ],
)
def test_a_wrong_reaction_makes_the_instance_stuck(script: list[str], message: str) -> None:
    events = InstanceLog(Errand).deliver(given(*script))
    assert [type(event) for event in events] == [ProcessStarted, ProcessStuck]
    stuck = events[1]
    assert isinstance(stuck, ProcessStuck)
    assert message in stuck.reason
    assert (stuck.from_stream, stuck.from_version, stuck.effect) == ("list-1", 1, None)


@pytest.mark.parametrize("returned", [None, 7, "do it", ErrandNoted(text="x"), {}])
def test_a_reaction_that_is_no_list_makes_the_instance_stuck(
    returned: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Errand, "react", lambda self, trigger, facts: returned)
    (_, stuck) = InstanceLog(Errand).deliver(given())
    assert isinstance(stuck, ProcessStuck)
    assert f"returned a value of class {type(returned).__name__} for ErrandGiven" in stuck.reason
    assert "it must return a list of its own events and of effects" in stuck.reason


def test_an_evolve_that_fails_makes_the_instance_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Errand, "evolve", lambda self, event: None)
    (_, stuck) = InstanceLog(Errand).deliver(given("note x"))
    assert isinstance(stuck, ProcessStuck)
    assert "Errand.evolve returned None for the event 'errand.noted'" in stuck.reason


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("a b", "returned for the event 'errand.given' a key of 3 characters that cannot be part of an id"),
        ("", "a key of 0 characters that cannot be part of an id: a key of 'errand' has 1 to 120 letters"),
        ("x" * 121, "a key of 121 characters that cannot be part of an id"),
        (7, "a key of class int; a key is a text, or None"),
    ],
)
def test_a_key_that_makes_no_id_is_a_fault(key: Any, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Errand, "key", classmethod(lambda cls, event: key))
    with pytest.raises(ContextFault) as error:
        instance_of(Errand, recorded(given(), "list-1", 1, 1))
    assert message in str(error.value)
    assert str(error.value).startswith("Errand.key returned for the event 'errand.given' a key of ")


def test_a_key_that_raises_is_a_fault_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def key(cls: type[Process[Any, Any]], event: Any) -> str:
        raise LookupError("private")

    monkeypatch.setattr(Errand, "key", classmethod(key))
    with pytest.raises(ContextFault) as error:
        instance_of(Errand, recorded(given(), "list-1", 1, 1))
    assert "Errand.key raised LookupError" in str(error.value)
    assert "private" not in str(error.value)


def test_an_event_that_concerns_no_instance_has_none() -> None:
    assert instance_of(Errand, recorded(ChoreDone(), "chore-1", 1, 1)) is None
    assert instance_of(Errand, recorded(given(), "list-1", 1, 1)) == "errand-1"


def test_ids_of_effects_are_never_too_long() -> None:
    log = InstanceLog(Errand, "errand-" + "x" * 120)
    log.deliver(given("do one", "ask two", "wait three"))
    effects = [*log.kept.pending, log.kept.deadlines["three"].effect]
    assert len(set(effects)) == 3
    assert all(len(effect) <= 128 for effect in effects)


def test_a_deadline_without_a_time_zone_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.helpers.errands.timedelta", lambda **_: timedelta(0))
    log = InstanceLog(Errand, now=NOW.replace(tzinfo=None))
    (_, stuck) = log.deliver(given("wait answer"))
    assert isinstance(stuck, ProcessStuck)
    assert "SetDeadline with a time without a time zone; write facts.now + timedelta(...)" in stuck.reason
    assert not any(isinstance(event, DeadlineSet) for event in log.events)


def test_an_instance_that_goes_round_in_a_circle_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """It must not fill the log; a person can cancel it."""
    monkeypatch.setattr(reaction, "MAX_INSTANCE_EVENTS", 6)
    log = InstanceLog(Errand)
    log.deliver(given("note a"))
    log.deliver(ErrandExtended(key="1", script=["note b", "note c"]))
    reacted = log.deliver(ErrandExtended(key="1", script=["note d"]))
    assert [type(event) for event in reacted] == [ProcessStuck]
    assert isinstance(reacted[0], ProcessStuck)
    assert reacted[0].reason.startswith("errand-1 has 6 events, the most of an instance")
    assert log.kept.status is ProcessStatus.STUCK

"""Stuck instances: what makes them so, what is kept meanwhile, and how a person has them go on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from domain.kernel import InvariantViolated
from domain.process import CallReplied, CallTimedOut, CommandDone, CommandRefused
from domain.process.commands import CancelProcess, ResumeProcess, RetryProcess
from domain.process.events import (
    CallRequested,
    CallSucceeded,
    CallWasTimedOut,
    CommandRequested,
    CommandSucceeded,
    CommandWasRefused,
    DeadlinePassed,
    ProcessCancelled,
    ProcessCompensated,
    ProcessCompleted,
    ProcessResumed,
    ProcessRetried,
    ProcessStatus,
    ProcessStuck,
)
from tests.helpers.errands import Answer, Careless, Errand, ErrandGiven, ErrandNoted
from tests.helpers.instances import InstanceLog

RETRY = RetryProcess(id="careless-1", reason="mended")
RESUME = ResumeProcess(id="careless-1", reason="done by hand")
RETRIED, RESUMED = ProcessRetried(reason="mended"), ProcessResumed(reason="done by hand")


def done(effect: str, name: str) -> tuple[CommandSucceeded, CommandDone]:
    return CommandSucceeded(effect=effect, stream="chore-1", version=1), CommandDone(name, "chore-1", 1)


def refused(effect: str, name: str) -> tuple[CommandWasRefused, CommandRefused]:
    code, message = "INVARIANT_VIOLATED", "no money"
    return (
        CommandWasRefused(effect=effect, code=code, message=message),
        CommandRefused(name, code, message),
    )


def careless(*script: str) -> InstanceLog:
    log = InstanceLog(Careless)
    log.deliver(ErrandGiven(key="1", script=list(script)))
    return log


def failing_once(monkeypatch: pytest.MonkeyPatch, kind: type[Any]) -> Callable[[], None]:
    """Make reactions to outcomes of a class raise until the returned function is called."""
    react = Errand.react

    def failing(self: Errand, trigger: Any, facts: Any) -> Any:
        if isinstance(trigger, kind):
            raise ZeroDivisionError
        return react(self, trigger, facts)

    monkeypatch.setattr(Errand, "react", failing)
    return lambda: monkeypatch.setattr(Errand, "react", react)


def test_a_refusal_that_is_not_declared_makes_the_instance_stuck() -> None:
    log = careless("do pay")
    (stuck,) = log.settle(*refused("careless-1:3", "pay"))
    assert stuck == ProcessStuck(
        reason="pay was refused: no money", code="INVARIANT_VIOLATED", effect="careless-1:3"
    )
    assert log.kept.status is ProcessStatus.STUCK
    assert "careless-1:3" in log.kept.pending, "the effect is run again after a retry"
    assert log.settle(*refused("careless-1:3", "pay")) == ()


def test_a_stuck_instance_reacts_to_no_event_until_it_is_retried() -> None:
    log = careless("do pay")
    log.settle(*refused("careless-1:3", "pay"))
    event = log.event(ErrandGiven(key="1", script=["note more"]))
    assert log.react(event) == ()
    assert log.operate(RETRY) == (RETRIED,)
    assert ErrandNoted(text="more") in log.react(event)
    assert log.settle(*done("careless-1:3", "pay"))


def test_a_resumed_instance_takes_the_failed_effect_as_done() -> None:
    log = careless("do+undo pay", "do+undo ship")
    log.settle(*refused("careless-1:3", "pay"))
    assert log.operate(RESUME) == (RESUMED,)
    assert list(log.kept.pending) == ["careless-1:4"]
    assert list(log.kept.undos) == ["careless-1:3"], "what was done by hand is undone by a compensation"


def test_a_process_may_react_to_a_skipped_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    log = InstanceLog(Errand)
    log.deliver(ErrandGiven(key="1", script=["do pay"], then={"EffectSkipped pay": ["complete skipped"]}))
    repair = failing_once(monkeypatch, CommandRefused)
    (stuck, settlement) = log.settle(*refused("errand-1:4", "pay"))
    assert (type(stuck), type(settlement)) == (ProcessStuck, CommandWasRefused)
    repair()
    assert log.operate(RESUME) == (RESUMED, ProcessCompleted(result={"text": "skipped"}))


def test_an_outcome_whose_reaction_failed_is_kept_and_reacted_to_after_a_retry(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = InstanceLog(Errand)
    then = {"CallReplied": ["note replied"], "CommandDone": ["note done"]}
    log.deliver(ErrandGiven(key="1", script=["ask shop", "do pay"], then=then))
    repair = failing_once(monkeypatch, CallReplied)
    reply = CallSucceeded(effect="errand-1:4", reply={"text": "yes"})
    (stuck, settlement) = log.settle(reply, CallReplied("shop", Answer(text="yes")))
    assert isinstance(stuck, ProcessStuck)
    assert (stuck.effect, settlement) == ("errand-1:4", reply)
    assert "Errand.react raised ZeroDivisionError" in stuck.reason
    assert log.settle(*done("errand-1:5", "pay")) == done("errand-1:5", "pay")[:1]
    assert log.kept.pending == {}, "neither is asked for again"
    with pytest.raises(InvariantViolated, match=r"errand-1 stays stuck: .*ZeroDivisionError"):
        log.operate(RETRY)
    repair()
    assert log.operate(RETRY) == (RETRIED, ErrandNoted(text="replied"), ErrandNoted(text="done"))
    assert log.kept.outcomes == ()


def test_a_resumed_instance_leaves_out_the_outcome_whose_reaction_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = InstanceLog(Errand)
    then = {"DeadlineReached": ["note late"], "CommandDone": ["note done"], "EffectSkipped": ["note skipped"]}
    log.deliver(ErrandGiven(key="1", script=["wait answer", "do pay"], then=then))
    repair = failing_once(monkeypatch, object)
    log.pass_deadline(DeadlinePassed(effect="errand-1:4", name="answer"))
    log.settle(*done("errand-1:5", "pay"))
    assert log.kept.status is ProcessStatus.STUCK
    repair()
    assert log.operate(RESUME) == (RESUMED, ErrandNoted(text="skipped"), ErrandNoted(text="done"))


def test_an_event_whose_reaction_failed_is_delivered_again_after_a_retry_but_not_after_a_resume() -> None:
    retried, resumed = careless("note one"), careless("note one")
    for log in (retried, resumed):
        log.deliver(ErrandGiven(key="1", script=["raise now"]))
        assert log.kept.stuck_at == (2, 0)
    retried.operate(RETRY)
    assert isinstance(retried.redeliver(1)[-1], ProcessStuck)
    resumed.operate(RESUME)
    assert resumed.redeliver(1) == ()
    assert resumed.kept.status is ProcessStatus.RUNNING


def test_a_call_that_is_retried_has_no_time_limit() -> None:
    log = careless("ask shop")
    timed_out = CallWasTimedOut(effect="careless-1:3", attempts=3)
    (stuck,) = log.settle(timed_out, CallTimedOut("shop"))
    assert stuck == ProcessStuck(reason="shop has timed out", code="TIMED_OUT", effect="careless-1:3")
    assert log.kept.pending["careless-1:3"].due is not None
    log.operate(RETRY)
    assert log.kept.pending["careless-1:3"].due is None


@pytest.mark.parametrize("command", [RETRY, RESUME])
def test_only_a_stuck_instance_is_retried_or_resumed(command: RetryProcess | ResumeProcess) -> None:
    with pytest.raises(
        InvariantViolated, match="careless-1 is RUNNING and not STUCK, so it goes on by itself"
    ):
        careless("do pay").operate(command)


@pytest.mark.parametrize("command", [RETRY, RESUME, CancelProcess(id="careless-1", reason="x")])
def test_an_instance_that_has_ended_is_not_operated(command: Any) -> None:
    log = careless("complete ok")
    with pytest.raises(InvariantViolated, match="careless-1 is COMPLETED, which is final"):
        log.operate(command)


def test_a_cancelled_instance_ends_at_once() -> None:
    log = careless("do pay", "wait answer")
    cancelled = ProcessCancelled(reason="not needed")
    assert log.operate(CancelProcess(id="careless-1", reason="not needed")) == (cancelled,)
    assert (log.kept.status, log.kept.pending, log.kept.deadlines) == (ProcessStatus.CANCELLED, {}, {})


def test_a_cancelled_instance_may_undo_first_what_was_done() -> None:
    log = careless("do+undo pay")
    log.settle(*done("careless-1:3", "pay"))
    cancel = CancelProcess(id="careless-1", reason="not needed", compensate=True)
    undo = CommandRequested(
        name="undo pay", command="UndoChore", input={"id": "chore-pay"}, compensates="careless-1:3"
    )
    assert log.operate(cancel) == (ProcessCancelled(reason="not needed", compensate=True), undo)
    (effect,) = log.kept.pending
    assert log.settle(*done(effect, "undo pay")) == (*done(effect, "undo pay")[:1], ProcessCompensated())


def test_a_failed_compensation_makes_the_instance_stuck_with_what_is_left_to_undo() -> None:
    log = careless("do+undo pay", "do+undo ship", "ask+undo shop")
    for index, name in enumerate(("pay", "ship"), 3):
        log.settle(*done(f"careless-1:{index}", name))
    reply = CallSucceeded(effect="careless-1:5", reply={"text": "yes"})
    log.settle(reply, CallReplied("shop", Answer(text="yes")))
    log.deliver(ErrandGiven(key="1", script=["compensate enough"]))
    undo = log.events[-1]
    assert isinstance(undo, CallRequested)
    assert (undo.request, undo.compensates, undo.due) == ("Unask", "careless-1:5", None)
    (effect,) = log.kept.pending
    log.settle(
        CallSucceeded(effect=effect, reply={"text": "ok"}), CallReplied("undo shop", Answer(text="ok"))
    )
    (effect,) = log.kept.pending
    (stuck,) = log.settle(*refused(effect, "undo ship"))
    assert isinstance(stuck, ProcessStuck)
    assert stuck.reason == "undo ship was refused: no money; not undone yet: ship, pay"
    assert list(log.kept.undos) == ["careless-1:3", "careless-1:4"]
    resumed, following = log.operate(RESUME)
    assert (resumed, following.name) == (RESUMED, "undo pay")  # type: ignore[attr-defined]
    (effect,) = log.kept.pending
    assert log.settle(*done(effect, "undo pay"))[-1] == ProcessCompensated()


def test_what_was_asked_for_before_a_compensation_is_awaited_and_undone() -> None:
    log = careless("do+undo pay", "do+undo ship")
    log.settle(*done("careless-1:3", "pay"))
    log.deliver(ErrandGiven(key="1", script=["compensate enough"]))
    assert [pending.name for pending in log.kept.pending.values()] == ["ship"]
    (_, undo) = log.settle(*done("careless-1:4", "ship"))
    assert (undo.name, undo.compensates) == ("undo ship", "careless-1:4")  # type: ignore[attr-defined]


def test_a_late_event_that_made_an_instance_stuck_is_delivered_late_again() -> None:
    log = careless("note one")
    missed = log.event(ErrandGiven(key="1", script=["raise now"]))
    log.deliver(ErrandGiven(key="1", script=["note two"]))
    assert isinstance(log.react(missed, late=True)[-1], ProcessStuck)
    log.operate(RESUME)
    assert log.react(missed, late=True) == ()
    assert log.kept.late == ((2, 0),)

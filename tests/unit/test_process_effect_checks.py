"""Effects that cannot be used make the instance stuck, with one sentence, and nothing else is stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.process import (
    Call,
    CancelDeadline,
    Compensate,
    Complete,
    Dispatch,
    Fail,
    Request,
    SetDeadline,
    StartProcess,
)
from domain.process.events import ProcessStarted, ProcessStuck
from tests.helpers import errands
from tests.helpers.errands import Answer, Ask, DoChore, Errand, ErrandGiven, ErrandNoted
from tests.helpers.instances import NOW, InstanceLog

# Of Any, so that the mistakes reach nerve and not only a type checker.
dispatch: Any = Dispatch
call: Any = Call
start: Any = StartProcess
deadline: Any = SetDeadline
cancel: Any = CancelDeadline
complete: Any = Complete
compensate: Any = Compensate

CHORE = DoChore(id="chore-1")
QUESTION = Ask(what="time")


class Portless(Request[Answer]):
    what: str


@pytest.mark.parametrize(
    ("effect", "message"),
    [
        (dispatch("do"), "`command` is a text of 2 characters; it must be a command"),
        (dispatch(DoChore), "`command` is the class DoChore; it must be a command"),
        (dispatch(ErrandNoted(text="a")), "`command` is a value of class ErrandNoted; it must be a command"),
        (dispatch(CHORE, name=None), "`name` is None; it must be a text of at most 200 characters"),
        (dispatch(CHORE, name="x" * 201), "`name` is a text of 201 characters"),
        (dispatch(CHORE, compensation=DoChore), "`compensation` is the class DoChore"),
        (call(CHORE), "`request` is a value of class DoChore; it must be a request with a reply and a port"),
        (call(Portless(what="a")), "`request` is a value of class Portless; it must be a request with"),
        (call(QUESTION, timeout=5), "`timeout` is a value of class int; it must be a timedelta above 0"),
        (call(QUESTION, timeout=timedelta(0)), "it must be a timedelta above 0"),
        (call(QUESTION, timeout=timedelta.max), "of at most 36500 days"),
        (deadline("", NOW), "`name` is a text of 0 characters; it must be a text of 1 to 200 characters"),
        (deadline("late", "tomorrow"), "`due` is a text of 8 characters; it must be a time"),
        (deadline("late", datetime(2024, 1, 1)), "a time without a time zone"),
        (deadline("late", datetime.max.replace(tzinfo=UTC)), "more than 36500 days ahead"),
        (cancel([]), "`name` is a value of class list"),
        (start(Errand, "1", QUESTION), "`process` is the class Errand; it must be the category"),
        (start("visit", "1", QUESTION), "`input` is a value of class Ask; it must be an event"),
        (start("visit", "a b", ErrandGiven(key="1", script=[])), "cannot be part of an id"),
        (complete(object()), "cannot be stored (result: must be a JSON value)"),
        (Fail(""), "`reason` is a text of 0 characters; it must be a text that says why"),
        (compensate(None), "`reason` is None; it must be a text that says why"),
    ],
)  # fmt: skip
def test_an_effect_that_cannot_be_used_makes_the_instance_stuck(
    effect: Any, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The start and the stuck state are stored, but no request."""
    monkeypatch.setattr(errands, "effect", lambda text, facts: effect)
    started, stuck = InstanceLog(Errand).deliver(ErrandGiven(key="1", script=["any"]))
    assert isinstance(started, ProcessStarted)
    assert isinstance(stuck, ProcessStuck)
    assert stuck.reason.startswith("Errand.react returned ")
    assert message in stuck.reason

"""The view `port_calls`: what it shows of each call of an outside port."""

from __future__ import annotations

from datetime import timedelta

import pytest

from api.contexts import load_contexts
from api.settings import Settings
from domain.kernel import Event
from domain.process.events import (
    CallRequested,
    CallSucceeded,
    CallWasRefused,
    CallWasTimedOut,
    CommandRequested,
    ProcessCompleted,
    ProcessStarted,
)
from domain.testing import NOON
from projections.builtin.port_calls import CallOutcome, port_call_view
from projections.testing import History
from tests.helpers.parcel_delivery import deliveries, runs

VIEW = port_call_view([deliveries.context])
ID = "delivery-parcel-1"
CALL = f"{ID}:2"
ASKED = [
    ProcessStarted(instance=ID),
    CallRequested(name="announce", port="mail", request="Announce", input={}),
]


def history_of(*events: Event) -> History:
    """One instance, with an event each second."""
    history = History()
    for second, event in enumerate(events):
        history.add(ID, event, at=NOON + timedelta(seconds=second))
    return history


def test_a_call_has_no_outcome_until_there_is_one() -> None:
    """Also if its instance ends before it."""
    row = history_of(*ASKED).rows(VIEW)[CALL]
    assert (row["port"], row["request"], row["process_id"]) == ("mail", "Announce", ID)
    assert (row["outcome"], row["settled_at"], row["latency_seconds"]) == (None, None, None)
    assert history_of(*ASKED, ProcessCompleted()).rows(VIEW)[CALL] == row


@pytest.mark.parametrize(
    ("settlement", "outcome", "code"),
    [
        (CallSucceeded(effect=CALL, reply={}, attempts=3), CallOutcome.REPLIED, None),
        (CallWasRefused(effect=CALL, code="GONE", message="x", attempts=3), CallOutcome.REFUSED, "GONE"),
        (CallWasTimedOut(effect=CALL, attempts=3), CallOutcome.TIMED_OUT, None),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_outcome_has_its_latency_and_attempts(
    settlement: Event, outcome: CallOutcome, code: str | None
) -> None:
    """The latency is the time from the request to the outcome."""
    row = history_of(*ASKED, settlement).rows(VIEW)[CALL]
    assert (row["outcome"], row["code"], row["attempts"], row["latency_seconds"]) == (outcome, code, 3, 1.0)


def test_other_effects_are_no_calls() -> None:
    """Nor is their outcome."""
    command = CommandRequested(name="load", command="LoadParcel", input={})
    assert history_of(ProcessStarted(instance=ID), command).rows(VIEW) == {}


def test_the_view_is_there_where_a_process_sends_requests() -> None:
    """Other processes have the view `processes` alone."""

    def names(*contexts: str) -> set[str]:
        return {view.name for view in load_contexts(Settings(contexts=contexts)).views}

    assert "port_calls" in names(*runs.CONTEXTS)
    assert "port_calls" not in names("projections.views.approvals", "domain.approvals.expiry")

"""The view `processes`: what it shows of an instance, and that it agrees with the state of the instance."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.kernel import Event
from domain.process.events import (
    FINAL,
    CallRequested,
    CallSucceeded,
    CallWasRefused,
    CallWasTimedOut,
    ChildEnded,
    ChildRequested,
    CommandRequested,
    CommandSucceeded,
    CommandWasRefused,
    CompensationStarted,
    DeadlineCancelled,
    DeadlinePassed,
    DeadlineSet,
    ProcessCancelled,
    ProcessCompensated,
    ProcessCompleted,
    ProcessFailed,
    ProcessResumed,
    ProcessRetried,
    ProcessStarted,
    ProcessStatus,
    ProcessStuck,
)
from domain.process.instance_state import InstanceState
from domain.testing import NOON
from projections.builtin.process_effects import MAX_EFFECTS, OPEN, may_be_undone
from projections.builtin.process_rows import EffectState, ProcessRow
from projections.builtin.processes import process_view
from projections.storage.view_fingerprint import view_fingerprint
from projections.testing import History
from tests.helpers.fresh_sources import forget_sources
from tests.helpers.parcel_delivery import deliveries
from tests.helpers.parcel_delivery.deliveries import DeliveryPlanned

VIEW = process_view([deliveries.context])
ID = "delivery-parcel-1"
STARTED = ProcessStarted(instance=ID)
LOAD = CommandRequested(name="load", command="LoadParcel", input={}, compensation="UnloadParcel")
CANCELLED = ProcessCancelled(reason="no", compensate=True)
ANNOUNCE = CallRequested(name="announce", port="mail", request="Announce", input={})


def row_of(*events: Event) -> ProcessRow:
    """The row after these events of one instance, a commit a second."""
    history = History()
    for second, event in enumerate(events):
        history.add(ID, event, at=NOON + timedelta(seconds=second))
    return history.rows(VIEW)[ID]


def states(row: ProcessRow) -> dict[str, EffectState]:
    """The states of the row's effects by their names."""
    return {effect["name"]: effect["state"] for effect in row["effects"]}


def test_a_running_instance_shows_what_it_waits_for() -> None:
    """Pending effects come first, then deadlines, of which the next one can be filtered by."""
    due = NOON + timedelta(days=1)
    later = DeadlineSet(name="lost", due=due + timedelta(days=9))
    row = row_of(
        STARTED, DeliveryPlanned(parcel="parcel-1"), later, DeadlineSet(name="late", due=due), LOAD, ANNOUNCE
    )
    assert (row["kind"], row["key"], row["status"]) == ("delivery", "parcel-1", ProcessStatus.RUNNING)
    assert row["waiting_for"] == ["load", "announce", "late", "lost"]
    assert row["next_deadline"] == due
    assert row["effects"][0]["effect_id"] == f"{ID}:5"
    assert (row["started_at"], row["updated_at"]) == (NOON, NOON + timedelta(seconds=5))
    assert row["ended_at"] is None


def test_a_stuck_instance_shows_what_was_done_and_what_was_not() -> None:
    """The effect that failed has its error, and the instance names it."""
    stuck = ProcessStuck(reason="announce was refused: no such address", code="GONE", effect=f"{ID}:4")
    row = row_of(
        STARTED, LOAD, CommandSucceeded(effect=f"{ID}:2", stream="parcel-1", version=2), ANNOUNCE, stuck
    )
    assert states(row) == {"load": EffectState.DONE, "announce": EffectState.FAILED}
    assert (row["status"], row["stuck_on"], row["error_code"]) == (ProcessStatus.STUCK, "announce", "GONE")
    assert row["waiting_for"] == []


def test_a_reaction_that_failed_is_named_by_its_event() -> None:
    """Such an instance is stuck on no effect."""
    row = row_of(STARTED, ProcessStuck(reason="a bug", from_stream="parcel-1", from_version=3))
    assert row["stuck_on"] == "parcel-1@3"


def test_a_compensated_instance_shows_what_was_undone() -> None:
    """An effect that another one has compensated is UNDONE."""
    undo = CommandRequested(name="undo load", command="UnloadParcel", input={}, compensates=f"{ID}:2")
    row = row_of(
        STARTED,
        LOAD,
        CommandSucceeded(effect=f"{ID}:2", stream="parcel-1", version=2),
        CompensationStarted(reason="no answer"),
        undo,
        CommandSucceeded(effect=f"{ID}:5", stream="parcel-1", version=3),
        ProcessCompensated(),
    )
    assert states(row) == {"load": EffectState.UNDONE, "undo load": EffectState.DONE}
    assert (row["status"], row["compensation_reason"]) == (ProcessStatus.COMPENSATED, "no answer")
    assert row["ended_at"] == row["updated_at"]


def test_the_effects_of_a_row_are_bounded() -> None:
    """The oldest settled effects are left out and counted; what can be undone stays."""
    events: list[Event] = [STARTED, LOAD, CommandSucceeded(effect=f"{ID}:2", stream="parcel-1", version=2)]
    for number in range(MAX_EFFECTS + 9):
        events += [ANNOUNCE, CallSucceeded(effect=f"{ID}:{4 + 2 * number}", reply={})]
    row = row_of(*events)
    assert len(row["effects"]) == MAX_EFFECTS
    assert row["omitted_effects"] == 10
    assert row["effects"][0]["name"] == "load"


def _requests(draw: st.DrawFn, state: InstanceState) -> Event:
    """Ask for an effect or a deadline; while compensating, for what undoes the last one."""
    if state.status is ProcessStatus.COMPENSATING and state.undos:
        undone = list(state.undos)[-1]
        return CommandRequested(name="undo", command="Undo", input={}, compensates=undone)
    undo = draw(st.sampled_from([None, "Undo"]))
    due = NOON + timedelta(hours=draw(st.integers(0, 3)))
    return draw(
        st.sampled_from(
            [
                CommandRequested(name="a", command="A", input={}, compensation=undo),
                CallRequested(name="b", port="mail", request="B", input={}, compensation=undo),
                ChildRequested(name="c", process="c", key="1", input_type="c.c", input_revision=1, input={}),
                DeadlineSet(name=draw(st.sampled_from("xy")), due=due),
            ]
        )
    )


def _outcomes(state: InstanceState) -> Iterator[Event]:
    for effect in state.pending:
        yield CommandSucceeded(effect=effect, stream="parcel-1", version=1)
        yield CommandWasRefused(effect=effect, code="NOT_FOUND", message="it is gone")
        yield CallWasTimedOut(effect=effect, attempts=3)
        yield CallWasRefused(effect=effect, code="GONE", message="it is gone")
        yield ChildEnded(effect=effect, status="COMPLETED")
        yield ProcessStuck(reason="it failed", effect=effect)
    for name, deadline in state.deadlines.items():
        yield DeadlineCancelled(name=name)
        yield DeadlinePassed(effect=deadline.effect, name=name)
    yield ProcessStuck(reason="a bug", from_stream="parcel-1", from_version=1, from_position=1, place=0)


@st.composite
def runs(draw: st.DrawFn) -> Sequence[Event]:
    """Events of an instance that follow each other as those of a real one may."""
    state, events = InstanceState(), list[Event]()

    def add(event: Any) -> None:
        nonlocal state
        state = replace(state.after(event), version=state.version + 1)
        events.append(event)

    add(STARTED)
    for _ in range(draw(st.integers(0, 30))):
        if state.status in FINAL:
            break
        if draw(st.integers(0, 30)) == 0:
            choices: list[Event] = [
                ProcessCompleted(),
                ProcessFailed(reason="no"),
                ProcessCancelled(reason="no"),
            ]
        elif state.status is ProcessStatus.STUCK:
            choices = [ProcessRetried(reason="again"), ProcessResumed(reason="done"), CANCELLED]
            choices += [event for event in _outcomes(state) if not isinstance(event, ProcessStuck)]
        else:
            choices = [*_outcomes(state), CANCELLED, CompensationStarted(reason="no")]
            choices = draw(st.sampled_from([choices, [_requests(draw, state)]]))
        add(draw(st.sampled_from(choices)))
    return events


@given(runs())
def test_the_row_agrees_with_the_state_of_the_instance(events: Sequence[Event]) -> None:
    """Status, open effects, deadlines and what can be undone are the same, whatever happened."""
    state = InstanceState()
    for version, event in enumerate(events, 1):
        changed: Any = event
        state = replace(state.after(changed), version=version)
    row = row_of(*events)
    assert row["status"] == state.status
    assert {each["effect_id"] for each in row["effects"] if each["state"] in OPEN} == set(state.pending)
    assert {each["name"]: each["due"] for each in row["deadlines"]} == {
        name: deadline.due for name, deadline in state.deadlines.items()
    }
    if state.status not in FINAL:
        assert [each["effect_id"] for each in row["effects"] if may_be_undone(each)] == sorted(
            state.undos, key=lambda effect: int(effect.rpartition(":")[2])
        )


@pytest.fixture
def fingerprint() -> Iterator[Callable[[], str]]:
    """Returns the fingerprint of the view by the code as it is now."""

    def computed() -> str:
        forget_sources()
        return view_fingerprint(VIEW)

    yield computed
    forget_sources()


@pytest.mark.parametrize("module", ["processes", "process_effects", "process_rows"])
def test_a_changed_fold_rebuilds_the_view(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fingerprint: Callable[[], str]
) -> None:
    """The view is part of nerve's machinery, but its fold counts in the fingerprint."""
    before = fingerprint()
    loaded = sys.modules[f"projections.builtin.{module}"]
    changed = tmp_path / f"{module}.py"
    changed.write_bytes(Path(loaded.__file__ or "").read_bytes() + b"\nCHANGED = True")
    monkeypatch.setattr(loaded, "__file__", str(changed))
    assert fingerprint() != before


def test_a_changed_process_rebuilds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fingerprint: Callable[[], str]
) -> None:
    """The view depends on nerve's events of instances alone."""
    before = fingerprint()
    changed = tmp_path / "deliveries.py"
    changed.write_bytes(Path(deliveries.__file__).read_bytes() + b"\nCHANGED = True")
    monkeypatch.setattr(deliveries, "__file__", str(changed))
    assert fingerprint() == before

"""The kit that processes, sagas and policies are tested with."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from textwrap import dedent
from types import ModuleType
from typing import Any

import pytest

from domain.kernel import Command, InvariantViolated, RecordedEvent
from domain.process import (
    Call,
    CallFailed,
    CallReplied,
    CancelDeadline,
    CommandDone,
    CommandRefused,
    Compensate,
    Complete,
    DeadlineReached,
    Dispatch,
    Policy,
    ProcessEnded,
    ProcessRequested,
    SetDeadline,
    StartProcess,
)
from domain.process.commands import CancelProcess, ResumeProcess, RetryProcess
from domain.process.events import (
    CommandRequested,
    ProcessCancelled,
    ProcessCompensated,
    ProcessResumed,
    ProcessRetried,
    ProcessStatus,
)
from domain.process.saga import StepDone
from domain.testing import NOON, given_policy, given_process, policies, processes
from tests.helpers.errands import (
    Careless,
    ChoreDone,
    ChoreUndone,
    DoChore,
    Errand,
    ErrandExtended,
    ErrandGiven,
    ErrandNoted,
    ErrandPlanned,
    Visit,
    VisitNoted,
)
from tests.helpers.journeys import (
    BookPlace,
    CloseJourney,
    FreePlace,
    JourneyPlanned,
    Paid,
    Pay,
    PlaceBooked,
    PlaceRefused,
    Repay,
    Trip,
    TripStarted,
)

JOURNEY = "journey-1"
MINUTE = timedelta(minutes=1)
BOOK, FREE = BookPlace(id="place-seat", journey=JOURNEY), FreePlace(id="place-seat")
BOOKED, REFUSED = PlaceBooked(journey=JOURNEY), PlaceRefused(journey=JOURNEY)
BEGUN = given_process(Trip).after(JourneyPlanned())
SEATED = BEGUN.after(BOOKED, of="seat")


@pytest.mark.parametrize("module", [processes, policies])
def test_the_example_of_the_kit_runs(module: ModuleType) -> None:
    """The indented lines of the docstring, with the names of this test."""
    lines = [line for line in (module.__doc__ or "").splitlines() if line.startswith("    ")]
    example = dedent("\n".join(lines))
    assert ".then(" in example
    exec(example, {**globals(), "again": Policy("again", (ChoreUndone,), _redo)})


def test_a_saga_is_tested_step_by_step() -> None:
    given_process(Trip).when(JourneyPlanned()).then(
        TripStarted(journey=JOURNEY), Dispatch(BOOK, "seat", FREE), SetDeadline("seat", NOON + 5 * MINUTE)
    )
    BEGUN.when(BOOKED, of="seat").then(
        StepDone(step="seat"),
        CancelDeadline("seat"),
        Call(Pay(journey=JOURNEY), "pay", MINUTE, Repay(journey=JOURNEY)),
    )
    SEATED.when(CallReplied("pay", Paid(receipt="r7"))).then(
        StepDone(step="pay", reply={"receipt": "r7"}),
        Dispatch(CloseJourney(id=JOURNEY, how="r7"), "close"),
    )


def test_the_failures_of_a_saga_are_tested_with_what_undoes_it() -> None:
    refused = BEGUN.when(REFUSED, of="seat")
    refused.then(
        Dispatch(CloseJourney(id=JOURNEY, how="no seat"), "failure of seat"),
        Compensate("seat has failed: place.refused", without=("seat",)),
    )
    refused.after.when(CommandDone("failure of seat", JOURNEY, 2)).then(ProcessCompensated())
    declined = SEATED.after(CallFailed("pay", "DECLINED", "no money"))
    assert declined.status is ProcessStatus.COMPENSATING
    declined.when(CommandDone("failure of pay", JOURNEY, 2)).then(
        CommandRequested(
            name="undo seat",
            command="FreePlace",
            input={"id": "place-seat"},
            compensates=f"trip-{JOURNEY}:4",
        )
    )


def test_a_deadline_comes_at_its_time() -> None:
    close = Dispatch(CloseJourney(id=JOURNEY, how="no seat"), "failure of seat")
    BEGUN.at(NOON + 5 * MINUTE).when(DeadlineReached("seat")).then(close, Compensate("seat has timed out"))
    with pytest.raises(AssertionError, match="no deadline 'pay' is set; there are 'seat'"):
        BEGUN.when(DeadlineReached("pay"))
    with pytest.raises(
        AssertionError, match=r"'pay' is set; the time limit of a call is CallTimedOut\('pay'\)"
    ):
        SEATED.when(DeadlineReached("pay"))
    with pytest.raises(AssertionError, match=r"no deadline 'pay' is set$"):
        given_process(Trip).when(DeadlineReached("pay"))


def test_a_process_is_tested_with_its_state_and_its_effects() -> None:
    given_errand = ErrandGiven(key="1", script=["note a"], then={"ProcessEnded": ["complete b"]})
    errand = given_process(Errand).after(given_errand, "list-7")
    assert errand.state.notes == ("a",)
    visit = errand.when(ErrandExtended(key="1", script=["visit 9"]))
    visit.then(StartProcess("visit", "9", ErrandGiven(key="9", script=["do 9"]), "9"))
    visit.after.when(ProcessEnded("9", "visit-9", "COMPLETED")).then(Complete({"text": "b"}))
    given_process(Errand).when(given_errand).then(
        ErrandPlanned(then=given_errand.then), ErrandNoted(text="a")
    )


def test_a_process_that_another_one_starts_is_tested_with_its_request() -> None:
    request = ProcessRequested("errand-1", ErrandGiven(key="9", script=["do 9"]))
    given_process(Visit).when(request, "9").then(
        VisitNoted(by="errand-1"), Dispatch(DoChore(id="chore-9"), "9")
    )
    started = given_process(Visit).after(request, "9")
    started.when(CommandDone("9", "chore-9", 1)).then(Complete({"by": "errand-1"}))
    started.when(request, "9").then_nothing()


def test_a_stuck_process_and_a_persons_commands_are_tested() -> None:
    careless = given_process(Careless).after(ErrandGiven(key="1", script=["do a"]))
    refused = careless.when(CommandRefused("a", "NOT_FOUND", "there is none"))
    refused.then_stuck(containing="there is none")
    stuck = refused.after
    stuck.when(RetryProcess(id="careless-1", reason="mended")).then(ProcessRetried(reason="mended"))
    stuck.when(ResumeProcess(id="careless-1", reason="by hand")).then(ProcessResumed(reason="by hand"))
    stuck.when(CancelProcess(id="careless-1", reason="late")).then(ProcessCancelled(reason="late"))
    with pytest.raises(InvariantViolated, match="careless-1 is CANCELLED, which is final"):
        stuck.after(CancelProcess(id="careless-1", reason="late")).when(
            RetryProcess(id="careless-1", reason="mended")
        )


def test_an_event_that_concerns_no_instance_or_another_one() -> None:
    given_process(Careless).when(ChoreDone()).then_nothing()
    careless = given_process(Careless).after(ErrandGiven(key="1", script=["do a"]))
    with pytest.raises(
        AssertionError, match=r"the errand\.given of list-1 concerns careless-2 and not careless-1"
    ):
        careless.when(ErrandGiven(key="2", script=[]), "list-1")


def test_what_was_not_expected_fails_with_both_lists() -> None:
    with pytest.raises(AssertionError, match=r"the reaction was \[TripStarted.*\n.*and not \[\]"):
        given_process(Trip).when(JourneyPlanned()).then_nothing()
    with pytest.raises(AssertionError, match="the reaction was"):
        given_process(Trip).when(JourneyPlanned()).then(
            TripStarted(journey=JOURNEY),
            Dispatch(BOOK, "seat"),
            SetDeadline("seat", NOON + 5 * MINUTE),
        )
    with pytest.raises(AssertionError, match="and the instance is not stuck"):
        given_process(Trip).when(JourneyPlanned()).then_stuck()
    with pytest.raises(
        AssertionError, match=r"is stuck for 'Errand\.react raised ValueError .*', without 'TypeError'"
    ):
        given_process(Errand).when(ErrandGiven(key="1", script=["raise x"])).then_stuck("TypeError")
    with pytest.raises(AssertionError, match="no effect 'pay' is without an outcome; there are 'seat'"):
        BEGUN.when(CommandDone("pay", "x-1", 1))


def _redo(event: RecordedEvent) -> Iterable[Command]:
    return [DoChore(id=event.stream)] if event.time == NOON else []


def test_a_policy_is_tested_with_an_event() -> None:
    policy: Any = given_policy(Policy("redo", (ChoreUndone,), _redo))
    policy.when(ChoreUndone(), "chore-7").then(DoChore(id="chore-7"))
    policy.at(NOON + MINUTE).when(ChoreUndone()).then_nothing()
    policy.when(ChoreDone()).then_nothing()
    with pytest.raises(AssertionError, match=r"dispatched \[DoChore.*\nand not \[\]"):
        policy.when(ChoreUndone()).then_nothing()

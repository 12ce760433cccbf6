"""What may be asked of approvals, what their deadline does, and what their view shows."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given as given_values
from hypothesis import strategies as st

from domain.approvals import context, expiry
from domain.approvals.aggregate import Approval
from domain.approvals.commands import Approve, ExpireApproval, Reject, RequestApproval, WithdrawApproval
from domain.approvals.events import (
    ApprovalGranted,
    ApprovalRejected,
    ApprovalRequested,
    ApprovalStatus,
    ApprovalWithdrawn,
)
from domain.kernel import Command
from domain.kernel.errors import NerveError
from domain.process.events import ProcessStatus
from domain.testing import NOON, given
from projections.testing import History
from projections.views.approvals import view
from tests.helpers.process_simulation import Simulation, no_calls

ID = "approval-1"
DUE = NOON + timedelta(days=3)
ASK = RequestApproval(question="Deploy?", options=["Now", "Tonight"], due=DUE, requester_id="agent-a")
REQUESTED = ApprovalRequested(question="Deploy?", options=["Now", "Tonight"], due=DUE, requester_id="agent-a")
GRANTED = ApprovalGranted(option="Now", requester_id="agent-a")
REJECTED = ApprovalRejected(reason="no", requester_id="agent-a")
WITHDRAWN = ApprovalWithdrawn(requester_id="agent-a")
ANSWERS: list[Command] = [Approve(id=ID, option="Now"), Reject(id=ID)]


def test_a_person_is_asked_until_a_deadline() -> None:
    given(Approval).when(ASK).then(REQUESTED)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"options": ["Now", "Now"]}, "two options are the same"),
        ({"default_option": "Never"}, "'Never' is none of the options"),
        ({"due": NOON}, "the deadline has passed"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused(change: dict[str, Any], reason: str) -> None:
    given(Approval).when(ASK.model_copy(update=change)).then_refused(containing=reason)


def test_one_option_is_approved_or_all_are_rejected() -> None:
    given(Approval, REQUESTED).when(Approve(id=ID, option="Now")).then(GRANTED)
    given(Approval, REQUESTED).when(Reject(id=ID, reason="no")).then(REJECTED)


def test_an_option_can_be_left_out_only_if_it_is_the_only_one() -> None:
    single = REQUESTED.model_copy(update={"options": ["Now"]})
    given(Approval, single).when(Approve(id=ID)).then(GRANTED)
    for option in (None, "Later"):
        refused = given(Approval, REQUESTED).when(Approve(id=ID, option=option))
        refused.then_refused(containing="approval-1 has the options 'Now', 'Tonight'; approve one of them")


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("ending", [GRANTED, REJECTED, WITHDRAWN])
def test_a_second_answer_is_refused_with_the_id(answer: Any, ending: Any) -> None:
    """Whatever the first one was."""
    refused = given(Approval, REQUESTED, ending).when(answer)
    refused.then_refused(containing="already; an answer is final, so ask again")
    assert str(refused.error).startswith("approval-1 is ")


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_after_the_deadline_is_refused_with_the_id(answer: Any) -> None:
    """Also before the default was applied."""
    late = given(Approval, REQUESTED).at(DUE + timedelta(seconds=1)).when(answer)
    late.then_refused(
        containing="approval-1 was to be answered until 2024-05-20 12:00:00 UTC, and its default applies"
    )


def test_without_an_answer_the_default_applies() -> None:
    """The default option, or a rejection."""
    expire = ExpireApproval(id=ID)
    given(Approval, REQUESTED).when(expire).then(ApprovalRejected(requester_id="agent-a", is_default=True))
    with_default = REQUESTED.model_copy(update={"default_option": "Tonight"})
    given(Approval, with_default).when(expire).then(
        ApprovalGranted(option="Tonight", requester_id="agent-a", is_default=True)
    )


def test_an_answer_is_neither_expired_nor_withdrawn() -> None:
    for command in (ExpireApproval(id=ID), WithdrawApproval(id=ID)):
        given(Approval, REQUESTED, GRANTED).when(command).then_nothing()
    given(Approval, REQUESTED).when(WithdrawApproval(id=ID)).then(WITHDRAWN)


@given_values(st.sampled_from([None, *ANSWERS, WithdrawApproval(id=ID)]), st.integers())
def test_the_deadline_ends_each_approval_that_nobody_ends(ending: Command | None, seed: int) -> None:
    """In any order of what happens, and with everything delivered twice."""
    simulation = Simulation((context, expiry.context), (), no_calls, Random(seed))
    simulation.dispatch(ASK.model_copy(update={"id": ID}), "ask")
    if ending is not None:
        try:
            simulation.dispatch(ending, "answer")
        except NerveError as error:
            raise AssertionError(str(error)) from None
    simulation.run()
    status = simulation.state(ID).status
    assert (status is ApprovalStatus.REJECTED) is (ending is None or isinstance(ending, Reject))
    assert simulation.state("expiry-1").kept.status is ProcessStatus.COMPLETED
    assert len(simulation.events_of(ID)) == 2


def test_the_view_shows_the_question_and_its_answer() -> None:
    history = History().add(ID, REQUESTED)
    assert history.rows(view)[ID]["status"] is ApprovalStatus.PENDING
    row = history.add(ID, GRANTED, actor="ada").rows(view)[ID]
    assert (row["status"], row["option"], row["decided_by"]) == (ApprovalStatus.APPROVED, "Now", "ada")
    rejected = History().add(ID, REQUESTED).add(ID, REJECTED).rows(view)[ID]
    assert (rejected["status"], rejected["comment"]) == (ApprovalStatus.REJECTED, "no")
    withdrawn = History().add(ID, REQUESTED).add(ID, WITHDRAWN).rows(view)[ID]
    assert withdrawn["status"] is ApprovalStatus.WITHDRAWN

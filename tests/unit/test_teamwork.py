"""Tasks of several agents: completed when all have reported, else undone, with what was reported kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given as given_values
from hypothesis import settings
from hypothesis import strategies as st

from domain import agents, approvals, tasks, teamwork
from domain.agents.commands import RegisterAgent
from domain.approvals import expiry
from domain.approvals.commands import Approve, Reject
from domain.kernel import Command
from domain.process.events import CompensationStarted, ProcessCompleted, ProcessStatus
from domain.tasks.commands import CancelTask, CompleteTask, FailTask
from domain.tasks.events import Priority, TaskStatus
from domain.teamwork import process
from domain.teamwork.aggregate import TeamTask
from domain.teamwork.commands import RequestTeamTask
from domain.teamwork.events import AgentReported, TeamTaskRequested, TeamTaskStatus
from domain.testing import NOON, given
from projections.testing import History
from projections.views.team_tasks import view
from tests.helpers.process_simulation import Simulation, no_calls

CONTEXTS = (
    agents.context,
    tasks.context,
    approvals.context,
    expiry.context,
    teamwork.context,
    process.context,
)
TEAM, WORK = "teamtask-7", "teamwork-7"
HOUR = timedelta(hours=1)
REQUEST = RequestTeamTask(id=TEAM, title="Review", agent_ids=["agent-0", "agent-1"])
REQUESTED = TeamTaskRequested(
    title="Review", description="", priority=Priority.NORMAL, agent_ids=["agent-0", "agent-1"]
)


def task(number: int) -> str:
    return f"task-team.7.{number}"


def simulate(
    count: int, *reports: Command, seed: int = 1, known: int | None = None, **fields: Any
) -> Simulation:
    """Request a team task of so many agents, of which the first `known` exist; then dispatch the reports."""
    simulation = Simulation(CONTEXTS, (), no_calls, Random(seed))
    for number in range(count if known is None else known):
        simulation.dispatch(RegisterAgent(id=f"agent-{number}", name="Ann"), f"agent-{number}")
    names = [f"agent-{number}" for number in range(count)]
    simulation.dispatch(REQUEST.model_copy(update={"agent_ids": names, **fields}), "request")
    simulation.run(deadlines=False)
    for place, report in enumerate(reports):
        simulation.dispatch(report, f"report-{place}")
    simulation.run(deadlines=False)
    return simulation


def statuses(simulation: Simulation, count: int) -> list[TaskStatus]:
    return [simulation.state(task(number)).status for number in range(count)]


def outcome(simulation: Simulation) -> ProcessStatus:
    status: ProcessStatus = simulation.state(WORK).kept.status
    return status


def reason(simulation: Simulation) -> str:
    """Why the team task was undone."""
    (started,) = [
        event.payload
        for event in simulation.events_of(WORK)
        if isinstance(event.payload, CompensationStarted)
    ]
    return started.reason


def completions(count: int) -> list[CompleteTask]:
    return [CompleteTask(id=task(number), result=number) for number in range(count)]


@settings(max_examples=30)
@given_values(st.integers(1, 6).flatmap(lambda count: st.permutations(completions(count))), st.integers())
def test_it_is_completed_once_when_all_agents_have_reported(reports: Sequence[Command], seed: int) -> None:
    """In any order, with everything delivered twice."""
    simulation = simulate(len(reports), *reports, seed=seed)
    assert outcome(simulation) is ProcessStatus.COMPLETED
    ends = [
        event.payload for event in simulation.events_of(WORK) if isinstance(event.payload, ProcessCompleted)
    ]
    results = [{"agentId": f"agent-{number}", "result": number} for number in range(len(reports))]
    assert [end.result for end in ends] == [results]


def test_it_waits_until_the_last_agent_has_reported() -> None:
    simulation = simulate(3, *completions(2))
    assert outcome(simulation) is ProcessStatus.RUNNING
    assert statuses(simulation, 3) == [TaskStatus.COMPLETED, TaskStatus.COMPLETED, TaskStatus.ASSIGNED]


@pytest.mark.parametrize(
    ("end", "text"),
    [
        (FailTask(id=task(1), error="no network"), "task-team.7.1 failed: no network"),
        (CancelTask(id=task(1)), "task-team.7.1 was cancelled"),
    ],
)
def test_the_remaining_tasks_are_cancelled_if_one_ends_otherwise(end: Command, text: str) -> None:
    """What was reported before is kept."""
    simulation = simulate(3, completions(1)[0], end)
    assert outcome(simulation) is ProcessStatus.COMPENSATED
    assert reason(simulation) == text
    assert statuses(simulation, 3)[::2] == [TaskStatus.COMPLETED, TaskStatus.CANCELLED]
    assert simulation.state(WORK).own.results == {task(0): 0}


def test_the_remaining_tasks_are_cancelled_at_the_deadline() -> None:
    simulation = simulate(3, *completions(2), due=NOON + HOUR)
    simulation.run()
    assert outcome(simulation) is ProcessStatus.COMPENSATED
    assert reason(simulation) == "the deadline has passed, and 2 of 3 agents have completed their tasks"
    assert statuses(simulation, 3) == [TaskStatus.COMPLETED, TaskStatus.COMPLETED, TaskStatus.CANCELLED]
    assert simulation.state(WORK).own.results == {task(0): 0, task(1): 1}


def test_an_agent_that_does_not_exist_ends_it() -> None:
    """The tasks of the others are cancelled."""
    simulation = simulate(2, known=1)
    assert outcome(simulation) is ProcessStatus.COMPENSATED
    assert reason(simulation).startswith("task of agent-1 was refused: ")
    assert statuses(simulation, 1) == [TaskStatus.CANCELLED]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Approve(id="approval-team.7"), ProcessStatus.COMPLETED),
        (Reject(id="approval-team.7", reason="too short"), ProcessStatus.COMPENSATED),
    ],
)
def test_a_person_accepts_or_rejects_the_results(answer: Command, expected: ProcessStatus) -> None:
    """The process waits for the answer, without a deadline of its own."""
    simulation = simulate(2, *completions(2), review_time=HOUR, due=NOON + HOUR)
    assert outcome(simulation) is ProcessStatus.RUNNING
    simulation.dispatch(answer, "answer")
    simulation.run()
    assert outcome(simulation) is expected
    if expected is ProcessStatus.COMPENSATED:
        assert reason(simulation) == "the results were rejected: too short"


@pytest.mark.parametrize("is_accepted", [True, False])
def test_results_that_nobody_reviews_get_the_default(is_accepted: bool) -> None:
    simulation = simulate(2, *completions(2), review_time=HOUR, accept_unreviewed=is_accepted)
    simulation.run()
    expected = ProcessStatus.COMPLETED if is_accepted else ProcessStatus.COMPENSATED
    assert outcome(simulation) is expected
    if not is_accepted:
        assert reason(simulation) == "nobody has reviewed the results in time"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"agent_ids": ["agent-0", "agent-0"]}, "agent-0 is required twice"),
        ({"due": NOON}, "the deadline has passed"),
        ({"id": f"teamtask-{'x' * 100}"}, "more than 100 characters"),
    ],
)
def test_a_request_that_cannot_be_met_is_refused(change: dict[str, Any], text: str) -> None:
    given(TeamTask).when(REQUEST.model_copy(update=change)).then_refused(containing=text)


def test_the_view_shows_what_each_agent_has_reported() -> None:
    report = AgentReported(team_task_id=TEAM, task_id=task(1), agent_id="agent-1", result={"ok": True})
    history = History().add(TEAM, REQUESTED).add(WORK, report)
    row = history.rows(view)[TEAM]
    assert (row["status"], row["progress"]) == (TeamTaskStatus.RUNNING, 0.5)
    assert [each["agent_id"] for each in row["reports"]] == ["agent-1"]
    completed = history.add(WORK, ProcessCompleted()).rows(view)[TEAM]
    assert completed["status"] is TeamTaskStatus.COMPLETED


def test_the_view_shows_why_a_team_task_has_failed() -> None:
    history = History().add(TEAM, REQUESTED).add(WORK, CompensationStarted(reason="the deadline has passed"))
    row = history.rows(view)[TEAM]
    assert (row["status"], row["reason"]) == (TeamTaskStatus.FAILED, "the deadline has passed")

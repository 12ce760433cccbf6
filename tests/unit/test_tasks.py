"""What may be asked of tasks, and when."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from domain.agents.aggregate import Agent
from domain.agents.events import AgentRegistered, AgentRetired, AgentState
from domain.kernel import InvariantViolated, NotFound
from domain.tasks.aggregate import Task
from domain.tasks.commands import (
    AssignTask,
    CancelTask,
    CompleteTask,
    CreateTask,
    FailTask,
    ReportTaskState,
    StartTask,
    WithdrawTask,
)
from domain.tasks.events import (
    Priority,
    TaskAssigned,
    TaskCancelled,
    TaskCompleted,
    TaskCreated,
    TaskFailed,
    TaskStarted,
    TaskStateReported,
)
from domain.testing import NOON, Scenario, given
from domain.workflows.aggregate import Workflow
from domain.workflows.events import WorkflowStarted

ID, WRITER, EDITOR, CASE = "task-1", "agent-writer", "agent-editor", "workflow-7"
CREATED = TaskCreated(title="Sum", description="", priority=Priority.NORMAL, tags=[], workflow_id=CASE)
ASSIGNED = TaskAssigned(agent_id=WRITER, workflow_id=CASE)
STARTED = TaskStarted(agent_id=WRITER, started_at=NOON, workflow_id=CASE)
COMPLETED = TaskCompleted(agent_id=WRITER, workflow_id=CASE, duration_seconds=1.0)
FAILED = TaskFailed(agent_id=WRITER, error="no", workflow_id=CASE)
CANCELLED = TaskCancelled(agent_id=WRITER, workflow_id=CASE)
REGISTERED = AgentRegistered(name="Ann", capabilities=[])
RETIRED = AgentRetired(previous_state=AgentState.IDLE)
OPEN = [[CREATED], [CREATED, ASSIGNED], [CREATED, ASSIGNED, STARTED]]
OVER = [
    [CREATED, ASSIGNED, STARTED, COMPLETED],
    [CREATED, ASSIGNED, STARTED, FAILED],
    [CREATED, CANCELLED],
]
LATER = NOON + timedelta(seconds=90, milliseconds=250)


def task(*history: Any) -> Scenario[Any, Any]:
    """A task with this history, and the agents and the workflow that commands refer to."""
    scenario = given(Task, *history).with_stream(
        CASE, Workflow, WorkflowStarted(name="permit", started_at=NOON)
    )
    return scenario.with_stream(WRITER, Agent, REGISTERED).with_stream(EDITOR, Agent, REGISTERED)


def test_a_task_is_created_with_all_that_was_said() -> None:
    command = CreateTask(
        title="Sum", description="1+1", priority=Priority.HIGH, tags=["maths"], workflow_id=CASE
    )
    task().when(command).then(
        TaskCreated(title="Sum", description="1+1", priority=Priority.HIGH, tags=["maths"], workflow_id=CASE)
    )


def test_a_task_created_with_an_agent_is_assigned_at_once() -> None:
    command = CreateTask(title="Sum", workflow_id=CASE, agent_id=WRITER)
    task().when(command).then(CREATED, ASSIGNED)


def test_until_it_is_started_a_task_can_be_assigned_anew() -> None:
    task(CREATED).when(AssignTask(id=ID, agent_id=WRITER)).then(ASSIGNED)
    task(CREATED, ASSIGNED).when(AssignTask(id=ID, agent_id=EDITOR)).then(
        TaskAssigned(agent_id=EDITOR, previous_agent_id=WRITER, workflow_id=CASE)
    )
    task(CREATED, ASSIGNED, STARTED).when(AssignTask(id=ID, agent_id=EDITOR)).then_refused()


def test_assigning_to_the_agent_that_has_it_is_no_event() -> None:
    task(CREATED, ASSIGNED).when(AssignTask(id=ID, agent_id=WRITER)).then_nothing()


@pytest.mark.parametrize(
    ("history", "command"),
    [([], CreateTask(title="Sum", agent_id=WRITER)), ([CREATED], AssignTask(id=ID, agent_id=WRITER))],
)
def test_a_retired_agent_gets_no_task(history: list[Any], command: Any) -> None:
    given(Task, *history).with_stream(WRITER, Agent, REGISTERED, RETIRED).when(command).then_refused()


def test_an_agent_that_is_not_registered_gets_no_task() -> None:
    given(Task, CREATED).when(AssignTask(id=ID, agent_id=WRITER)).then_refused(NotFound)


def test_a_task_is_started_once_and_by_its_agent() -> None:
    task(CREATED, ASSIGNED).when(StartTask(id=ID)).then(STARTED)
    task(CREATED).when(StartTask(id=ID)).then_refused()
    task(CREATED, ASSIGNED, STARTED).when(StartTask(id=ID)).then_refused()


def test_completing_tells_the_result_whose_work_it_was_and_how_long_it_took() -> None:
    result = {"sum": 2, "notes": [None, "exact"]}
    task(CREATED, ASSIGNED, STARTED).at(LATER).when(CompleteTask(id=ID, result=result)).then(
        TaskCompleted(agent_id=WRITER, workflow_id=CASE, duration_seconds=90.25, result=result)
    )


def test_failing_tells_the_error_and_how_long_it_took() -> None:
    task(CREATED, ASSIGNED, STARTED).at(LATER).when(FailTask(id=ID, error="no")).then(
        TaskFailed(agent_id=WRITER, error="no", workflow_id=CASE, duration_seconds=90.25)
    )


def test_an_agent_may_report_the_end_alone_and_then_the_duration_is_not_known() -> None:
    task(CREATED, ASSIGNED).when(CompleteTask(id=ID)).then(
        TaskCompleted(agent_id=WRITER, workflow_id=CASE, duration_seconds=None)
    )
    task(CREATED, ASSIGNED).when(FailTask(id=ID, error="no")).then(FAILED)


def test_an_end_before_the_start_has_no_duration() -> None:
    early = NOON - timedelta(milliseconds=1)
    task(CREATED, ASSIGNED, STARTED).at(early).when(CompleteTask(id=ID)).then(
        TaskCompleted(agent_id=WRITER, workflow_id=CASE, duration_seconds=None)
    )


@pytest.mark.parametrize("command", [CompleteTask(id=ID), FailTask(id=ID, error="no")])
def test_a_task_without_an_agent_has_no_outcome(command: Any) -> None:
    task(CREATED).when(command).then_refused()


@pytest.mark.parametrize("history", OPEN)
def test_an_open_task_can_be_cancelled(history: list[Any]) -> None:
    started = STARTED in history
    task(*history).at(LATER).when(CancelTask(id=ID, reason="moot")).then(
        TaskCancelled(
            agent_id=WRITER if ASSIGNED in history else None,
            workflow_id=CASE,
            reason="moot",
            duration_seconds=90.25 if started else None,
        )
    )


@pytest.mark.parametrize("history", OVER)
@pytest.mark.parametrize(
    "command",
    [
        AssignTask(id=ID, agent_id=EDITOR),
        AssignTask(id=ID, agent_id=WRITER),
        StartTask(id=ID),
        CompleteTask(id=ID),
        FailTask(id=ID, error="no"),
        CancelTask(id=ID),
    ],
)
def test_what_is_over_stays_over(history: list[Any], command: Any) -> None:
    task(*history).when(command).then_refused()


@pytest.mark.parametrize(
    "result",
    [2**63, -(2**63) - 1, float("nan"), {"a\0b": 1}, ["\ud800"], {"\ud800": 1}],
    ids=["large", "small", "nan", "nul", "surrogate", "key"],
)
def test_a_result_that_cannot_be_stored_is_refused(result: Any) -> None:
    with pytest.raises(ValidationError):
        CompleteTask(id=ID, result={"deep": [result]})


def test_a_result_is_nested_fifty_deep_at_most() -> None:
    result: Any = 0
    for _ in range(50):
        result = [result]
    assert CompleteTask(id=ID, result=result).result == result
    with pytest.raises(ValidationError):
        CompleteTask(id=ID, result=[result])


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"title": ""},
        {"title": "x" * 201},
        {"title": "x", "description": "x" * 10_001},
        {"title": "x", "priority": "URGENT"},
        {"title": "x", "agent_id": "no id"},
        {"title": "x", "tags": "maths"},
        {"title": "x", "due": "now"},
    ],
)
def test_a_malformed_task_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        CreateTask.model_validate(data)


def test_a_task_that_has_ended_is_not_withdrawn() -> None:
    """Withdrawing is what undoes the creation of a task, so it is not refused."""
    withdraw = WithdrawTask(id=ID, reason="no longer needed")
    task(CREATED).when(withdraw).then(TaskCancelled(workflow_id=CASE, reason="no longer needed"))
    for history in OVER:
        task(*history).when(withdraw).then_nothing()


def test_a_task_whose_agent_is_unknown_starts_and_ends_only_by_commands_that_accept_that() -> None:
    started = TaskStarted(started_at=NOON, workflow_id=CASE)
    for command, event in (
        (StartTask(id=ID, agent_unknown=True), started),
        (CompleteTask(id=ID, agent_unknown=True), TaskCompleted(workflow_id=CASE)),
        (FailTask(id=ID, error="no", agent_unknown=True), TaskFailed(error="no", workflow_id=CASE)),
    ):
        task(CREATED).when(command).then(event)
        task(CREATED).when(command.model_copy(update={"agent_unknown": False})).then_refused(
            InvariantViolated, "has no agent"
        )
    task(CREATED, started).when(StartTask(id=ID, agent_unknown=True)).then_refused()


def test_a_state_in_the_words_of_another_system_is_kept_at_any_time() -> None:
    report = ReportTaskState(id=ID, state="suspend", attributes={"by": "Ana"})
    histories: Any = [*OPEN, *OVER]
    for history in histories:
        agent = WRITER if ASSIGNED in history else None
        task(*history).when(report).then(
            TaskStateReported(state="suspend", attributes={"by": "Ana"}, agent_id=agent, workflow_id=CASE)
        )

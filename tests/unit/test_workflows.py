"""What may be asked of workflows, and when."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from domain.agents.aggregate import Agent
from domain.tasks.aggregate import Task
from domain.tasks.events import TaskStatus
from domain.workflows.aggregate import Workflow
from domain.workflows.commands import CompleteStep, FailWorkflow, FinishWorkflow, StartWorkflow
from domain.workflows.events import (
    WorkflowFailed,
    WorkflowFinished,
    WorkflowStarted,
    WorkflowStepCompleted,
)
from tests.unit.scenario import NOON, given

ID, TASK, WRITER = "workflow-7", "task-1", "agent-writer"
STARTED = WorkflowStarted(name="permit", started_at=NOON, planned_steps=2)
AT_NOON: dict[str, Any] = {"completed_at": NOON, "duration_seconds": 0.0}
DRAFTED = WorkflowStepCompleted(name="draft", number=1, **AT_NOON)
CHECKED = WorkflowStepCompleted(name="check", number=2, task_id=TASK, agent_id=WRITER, **AT_NOON)
FINISHED = WorkflowFinished(steps_completed=0)
FAILED = WorkflowFailed(error="no", steps_completed=0)
LATER = NOON + timedelta(hours=1)


def done(**fields: Any) -> dict[str, Task]:
    return {TASK: Task(status=TaskStatus.COMPLETED, agent_id=WRITER, **fields)}


def test_a_workflow_starts_with_its_plan() -> None:
    given(Workflow).when(StartWorkflow(name="permit", planned_steps=2)).then(STARTED)


def test_steps_are_numbered_as_they_are_completed() -> None:
    given(Workflow, STARTED, DRAFTED).when(CompleteStep(id=ID, name="send")).then(
        WorkflowStepCompleted(name="send", number=2, **AT_NOON)
    )


def test_a_step_takes_as_long_as_it_ended_after_the_one_before_it() -> None:
    history = given(Workflow, STARTED, DRAFTED)
    sent = WorkflowStepCompleted(name="send", number=2, completed_at=LATER, duration_seconds=3600.0)
    history.at(LATER).when(CompleteStep(id=ID, name="send")).then(sent)
    early = NOON - timedelta(seconds=1)
    out_of_order = WorkflowStepCompleted(name="send", number=2, completed_at=early)
    history.at(early).when(CompleteStep(id=ID, name="send")).then(out_of_order)


def test_a_step_behind_one_of_unknown_time_has_no_duration() -> None:
    """As the log has them from before the time was told."""
    untimed = WorkflowStepCompleted(name="draft", number=1)
    sent = WorkflowStepCompleted(name="send", number=2, completed_at=NOON)
    given(Workflow, STARTED, untimed).when(CompleteStep(id=ID, name="send")).then(sent)


def test_a_step_names_the_agent_or_takes_it_from_its_task() -> None:
    by_agent = CompleteStep(id=ID, name="draft", agent_id=WRITER)
    given(Workflow, STARTED).beside({WRITER: Agent()}).when(by_agent).then(
        WorkflowStepCompleted(name="draft", number=1, agent_id=WRITER, **AT_NOON)
    )
    by_task = CompleteStep(id=ID, name="check", task_id=TASK)
    given(Workflow, STARTED, DRAFTED).beside(done()).when(by_task).then(CHECKED)
    given(Workflow, STARTED, DRAFTED).beside(done(workflow_id=ID)).when(by_task).then(CHECKED)


@pytest.mark.parametrize(
    "task",
    [
        Task(status=TaskStatus.STARTED, agent_id=WRITER),
        Task(status=TaskStatus.CANCELLED, agent_id=WRITER),
        Task(status=TaskStatus.COMPLETED, agent_id=WRITER, workflow_id="workflow-8"),
        Task(status=TaskStatus.COMPLETED, agent_id="agent-editor"),
    ],
    ids=["not done", "cancelled", "of another workflow", "of another agent"],
)
def test_a_step_is_completed_only_by_a_completed_task_of_its_own(task: Task) -> None:
    command = CompleteStep(id=ID, name="check", task_id=TASK, agent_id=WRITER)
    given(Workflow, STARTED).beside({TASK: task}).when(command).then_refused()


def test_a_step_is_done_again_only_by_another_task() -> None:
    history = given(Workflow, STARTED, DRAFTED, CHECKED)
    history.when(CompleteStep(id=ID, name="draft")).then_refused()
    history.beside(done()).when(CompleteStep(id=ID, name="check", task_id=TASK)).then_refused()
    other = {"task-2": Task(status=TaskStatus.COMPLETED, agent_id=WRITER)}
    history.beside(other).when(CompleteStep(id=ID, name="check", task_id="task-2")).then(
        WorkflowStepCompleted(name="check", number=3, task_id="task-2", agent_id=WRITER, **AT_NOON)
    )


def test_a_workflow_finishes_or_fails_with_its_duration() -> None:
    history = given(Workflow, STARTED, DRAFTED).at(LATER)
    history.when(FinishWorkflow(id=ID)).then(WorkflowFinished(steps_completed=1, duration_seconds=3600.0))
    history.when(FailWorkflow(id=ID, error="no")).then(
        WorkflowFailed(error="no", steps_completed=1, duration_seconds=3600.0)
    )


def test_an_end_before_the_start_has_no_duration() -> None:
    given(Workflow, STARTED).at(NOON - LATER.resolution).when(FinishWorkflow(id=ID)).then(FINISHED)


@pytest.mark.parametrize("end", [FINISHED, FAILED])
@pytest.mark.parametrize(
    "command",
    [CompleteStep(id=ID, name="send"), FinishWorkflow(id=ID), FailWorkflow(id=ID, error="no")],
)
def test_a_workflow_that_ended_stays_ended(end: Any, command: Any) -> None:
    given(Workflow, STARTED, end).when(command).then_refused()


@pytest.mark.parametrize(
    "data", [{"name": ""}, {"name": "x", "planned_steps": 0}, {"name": "x", "planned_steps": "two"}]
)
def test_a_malformed_workflow_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        StartWorkflow.model_validate(data)

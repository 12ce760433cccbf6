"""What may be asked of workflows, and when."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from domain.agents.aggregate import Agent
from domain.agents.events import AgentRegistered
from domain.tasks.aggregate import Task
from domain.tasks.events import Priority, TaskAssigned, TaskCancelled, TaskCompleted, TaskCreated, TaskStarted
from domain.testing import NOON, Scenario, given
from domain.workflows.aggregate import Workflow
from domain.workflows.commands import CompleteStep, FailWorkflow, FinishWorkflow, StartWorkflow
from domain.workflows.events import (
    WorkflowFailed,
    WorkflowFinished,
    WorkflowStarted,
    WorkflowStepCompleted,
)

ID, TASK, WRITER = "workflow-7", "task-1", "agent-writer"
STARTED = WorkflowStarted(name="permit", started_at=NOON, planned_steps=2)
AT_NOON: dict[str, Any] = {"completed_at": NOON, "duration_seconds": 0.0}
DRAFTED = WorkflowStepCompleted(name="draft", number=1, **AT_NOON)
CHECKED = WorkflowStepCompleted(name="check", number=2, task_id=TASK, agent_id=WRITER, **AT_NOON)
FINISHED = WorkflowFinished(steps_completed=0)
FAILED = WorkflowFailed(error="no", steps_completed=0)
LATER = NOON + timedelta(hours=1)


def workflow(*history: Any) -> Scenario[Any, Any]:
    """A workflow with this history, and the registered agent that commands refer to."""
    return given(Workflow, *history).with_stream(WRITER, Agent, AgentRegistered(name="Ann", capabilities=[]))


def task(*events: Any, agent: str = WRITER, of: str | None = None) -> list[Any]:
    """The history of a task that was assigned to an agent, followed by `events`."""
    created = TaskCreated(title="Check", description="", priority=Priority.NORMAL, tags=[], workflow_id=of)
    return [created, TaskAssigned(agent_id=agent, workflow_id=of), *events]


COMPLETED = TaskCompleted(agent_id=WRITER)


def test_a_workflow_starts_with_its_plan() -> None:
    workflow().when(StartWorkflow(name="permit", planned_steps=2)).then(STARTED)


def test_steps_are_numbered_as_they_are_completed() -> None:
    workflow(STARTED, DRAFTED).when(CompleteStep(id=ID, name="send")).then(
        WorkflowStepCompleted(name="send", number=2, **AT_NOON)
    )


def test_a_step_takes_as_long_as_it_ended_after_the_one_before_it() -> None:
    history = workflow(STARTED, DRAFTED)
    sent = WorkflowStepCompleted(name="send", number=2, completed_at=LATER, duration_seconds=3600.0)
    history.at(LATER).when(CompleteStep(id=ID, name="send")).then(sent)
    early = NOON - timedelta(seconds=1)
    out_of_order = WorkflowStepCompleted(name="send", number=2, completed_at=early)
    history.at(early).when(CompleteStep(id=ID, name="send")).then(out_of_order)


def test_a_step_behind_one_of_unknown_time_has_no_duration() -> None:
    """As the log has them from before the time was told."""
    untimed = WorkflowStepCompleted(name="draft", number=1)
    sent = WorkflowStepCompleted(name="send", number=2, completed_at=NOON)
    workflow(STARTED, untimed).when(CompleteStep(id=ID, name="send")).then(sent)


def test_a_step_names_the_agent_or_takes_it_from_its_task() -> None:
    by_agent = CompleteStep(id=ID, name="draft", agent_id=WRITER)
    workflow(STARTED).when(by_agent).then(
        WorkflowStepCompleted(name="draft", number=1, agent_id=WRITER, **AT_NOON)
    )
    by_task = CompleteStep(id=ID, name="check", task_id=TASK)
    workflow(STARTED, DRAFTED).with_stream(TASK, Task, *task(COMPLETED)).when(by_task).then(CHECKED)
    workflow(STARTED, DRAFTED).with_stream(TASK, Task, *task(COMPLETED, of=ID)).when(by_task).then(CHECKED)


@pytest.mark.parametrize(
    "history",
    [
        task(TaskStarted(agent_id=WRITER, started_at=NOON)),
        task(TaskCancelled(agent_id=WRITER)),
        task(COMPLETED, of="workflow-8"),
        task(COMPLETED, agent="agent-editor"),
    ],
    ids=["not done", "cancelled", "of another workflow", "of another agent"],
)
def test_a_step_is_completed_only_by_a_completed_task_of_its_own(history: list[Any]) -> None:
    command = CompleteStep(id=ID, name="check", task_id=TASK, agent_id=WRITER)
    workflow(STARTED).with_stream(TASK, Task, *history).when(command).then_refused()


def test_a_step_is_done_again_only_by_another_task() -> None:
    history = workflow(STARTED, DRAFTED, CHECKED)
    history.when(CompleteStep(id=ID, name="draft")).then_refused()
    history.with_stream(TASK, Task, *task(COMPLETED)).when(
        CompleteStep(id=ID, name="check", task_id=TASK)
    ).then_refused()
    other = history.with_stream("task-2", Task, *task(COMPLETED))
    other.when(CompleteStep(id=ID, name="check", task_id="task-2")).then(
        WorkflowStepCompleted(name="check", number=3, task_id="task-2", agent_id=WRITER, **AT_NOON)
    )


def test_a_workflow_finishes_or_fails_with_its_duration() -> None:
    history = workflow(STARTED, DRAFTED).at(LATER)
    history.when(FinishWorkflow(id=ID)).then(WorkflowFinished(steps_completed=1, duration_seconds=3600.0))
    history.when(FailWorkflow(id=ID, error="no")).then(
        WorkflowFailed(error="no", steps_completed=1, duration_seconds=3600.0)
    )


def test_an_end_before_the_start_has_no_duration() -> None:
    workflow(STARTED).at(NOON - LATER.resolution).when(FinishWorkflow(id=ID)).then(FINISHED)


@pytest.mark.parametrize("end", [FINISHED, FAILED])
@pytest.mark.parametrize(
    "command",
    [CompleteStep(id=ID, name="send"), FinishWorkflow(id=ID), FailWorkflow(id=ID, error="no")],
)
def test_a_workflow_that_ended_stays_ended(end: Any, command: Any) -> None:
    workflow(STARTED, end).when(command).then_refused()


@pytest.mark.parametrize(
    "data", [{"name": ""}, {"name": "x", "planned_steps": 0}, {"name": "x", "planned_steps": "two"}]
)
def test_a_malformed_workflow_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        StartWorkflow.model_validate(data)

"""The view `workflows`: each workflow with its steps and its progress."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TypedDict

from domain.kernel import RecordedEvent
from domain.kernel.access import signed_in
from domain.kernel.fields import Int32, Json
from domain.workflows import context, run
from domain.workflows.events import (
    PlannedStep,
    WorkflowCancelled,
    WorkflowFailed,
    WorkflowFinished,
    WorkflowPlanned,
    WorkflowStarted,
    WorkflowStatus,
    WorkflowStepCompleted,
)
from domain.workflows.run_events import StepAttemptFailed, StepBegun, StepEnded
from projections.kernel import View
from projections.kernel.links import ToMany, ToOne


class StepStatus(StrEnum):
    """How far a declared step has come."""

    WAITING = "WAITING"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


class DeclaredStep(TypedDict):
    """A step that was declared when the workflow was started; `error` is that of its last failed attempt.

    `task_id` is the task of the last attempt, and `attempts` counts those that have begun.
    """

    name: str
    depends_on: list[str]
    status: StepStatus
    attempts: Int32
    max_attempts: Int32
    task_id: str | None
    error: str | None


class WorkflowStep(TypedDict):
    """A step that was completed, by a task or by an agent without one."""

    name: str
    task_id: str | None
    agent_id: str | None
    completed_at: datetime


class WorkflowRow(TypedDict):
    """A workflow with its steps in the order in which they were reported.

    `progress` goes from 0 to 1: 1 once finished, before that completed of planned steps, None without a plan.
    `duration_seconds` is None while it runs, and where it would be negative. `attributes` is what another
    system says about it.
    """

    id: str
    name: str
    status: WorkflowStatus
    steps: list[WorkflowStep]
    steps_completed: Int32
    steps_planned: Int32 | None
    progress: float | None
    plan: list[DeclaredStep]
    error: str | None
    cancel_reason: str | None
    attributes: Json | None
    started_at: datetime
    finished_at: datetime | None
    duration_seconds: float | None


def _key(event: RecordedEvent) -> tuple[str, ...]:
    match event.payload:
        case StepBegun(workflow_id=workflow) | StepAttemptFailed(workflow_id=workflow):
            return (workflow,)
        case StepEnded(workflow_id=workflow):
            return (workflow,)
    return (event.stream,) if event.commit.category == context.category else ()


def _apply(id: str, row: WorkflowRow | None, event: RecordedEvent) -> WorkflowRow | None:
    payload = event.payload
    if isinstance(payload, WorkflowStarted):
        return _started(id, payload)
    if row is None:
        return None
    match payload:
        case WorkflowStepCompleted():
            return _step_completed(row, payload, event.time)
        case WorkflowFinished():
            return {**_over(row, WorkflowStatus.FINISHED, payload, event.time), "progress": 1.0}
        case WorkflowFailed():
            return {**_over(row, WorkflowStatus.FAILED, payload, event.time), "error": payload.error}
        case WorkflowCancelled():
            cancelled = _over(row, WorkflowStatus.CANCELLED, payload, event.time)
            return {**cancelled, "cancel_reason": payload.reason}
        case WorkflowPlanned(steps=steps):
            return {**row, "plan": [_declared(step) for step in steps]}
        case StepBegun() | StepAttemptFailed() | StepEnded():
            plan = [_advance(step, payload) if step["name"] == payload.name else step for step in row["plan"]]
            return {**row, "plan": plan}
        case _:
            return row


def _started(id: str, event: WorkflowStarted) -> WorkflowRow:
    return WorkflowRow(
        id=id,
        name=event.name,
        status=WorkflowStatus.RUNNING,
        steps=[],
        steps_completed=0,
        steps_planned=event.planned_steps,
        progress=_progress(0, event.planned_steps),
        plan=[],
        error=None,
        cancel_reason=None,
        attributes=event.attributes,
        started_at=event.started_at,
        finished_at=None,
        duration_seconds=None,
    )


def _declared(step: PlannedStep) -> DeclaredStep:
    return DeclaredStep(
        name=step.name,
        depends_on=step.depends_on,
        status=StepStatus.WAITING,
        attempts=0,
        max_attempts=step.max_attempts,
        task_id=None,
        error=None,
    )


def _advance(step: DeclaredStep, event: StepBegun | StepAttemptFailed | StepEnded) -> DeclaredStep:
    match event:
        case StepBegun():
            return {
                **step,
                "status": StepStatus.RUNNING,
                "attempts": event.attempt,
                "task_id": event.task_id,
            }
        case StepAttemptFailed():
            return {**step, "status": StepStatus.FAILED, "error": event.error}
        case StepEnded():
            return {**step, "status": StepStatus.COMPLETED}


def _step_completed(row: WorkflowRow, event: WorkflowStepCompleted, time: datetime) -> WorkflowRow:
    step = WorkflowStep(name=event.name, task_id=event.task_id, agent_id=event.agent_id, completed_at=time)
    return {
        **row,
        "steps": [*row["steps"], step],
        "steps_completed": event.number,
        "progress": _progress(event.number, row["steps_planned"]),
    }


def _progress(completed: int, planned: int | None) -> float | None:
    return None if planned is None else min(1.0, completed / planned)


def _over(
    row: WorkflowRow,
    status: WorkflowStatus,
    event: WorkflowFinished | WorkflowFailed | WorkflowCancelled,
    time: datetime,
) -> WorkflowRow:
    return {**row, "status": status, "finished_at": time, "duration_seconds": event.duration_seconds}


view = View(
    context=context,
    row=WorkflowRow,
    key=_key,
    apply=_apply,
    filters=("name", "status", "steps_completed", "started_at", "finished_at"),
    orders=("name", "steps_completed", "started_at", "finished_at", "duration_seconds"),
    indexes=(("status", "-started_at"),),
    also_reads=(run.context,),
    defaults={"plan": [], "cancel_reason": None, "attributes": None},
    links=(
        ToMany("tasks", "tasks", by="workflow_id"),
        ToOne("steps.task", "tasks", by="task_id"),
        ToOne("steps.agent", "agents", by="agent_id"),
    ),
    description="A workflow that advances step by step.",
    access=signed_in,
    # The fold reads no input or reply that an event of the process carries.
    personal=(),
)

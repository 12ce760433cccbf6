"""Events of workflows."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import BaseModel, Field

from domain.kernel import Event, Identifier, Name, Severity, Text
from domain.kernel.access import signed_in
from domain.kernel.fields import Json


class WorkflowStatus(StrEnum):
    """How far a workflow has come. All but RUNNING are final."""

    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class PlannedStep(BaseModel):
    """A step of a workflow that was declared when it was started. nerve runs it as a task.

    It begins when all steps in `depends_on` are completed; steps that do not depend on each other run in
    parallel.
    """

    name: Name = Field(description="What the step is called; no other step of the workflow has the name.")
    description: Text = Field("", description="All that the agent needs to know.")
    depends_on: list[Name] = Field(
        default=[], max_length=100, description="The names of the steps that must be completed before."
    )
    agent_id: Identifier | None = Field(
        None, description="The agent that is to do it; without one, the task is assigned later."
    )
    max_attempts: int = Field(
        1, ge=1, le=100, description="The number of attempts until the step and its workflow have failed."
    )
    time_limit: timedelta | None = Field(
        None, gt=timedelta(0), description="The time for one attempt, from when its task is created."
    )


class WorkflowStarted(Event, type="workflow.started"):
    """A workflow was started. `started_at` is the event's time, which the duration is counted from.

    `attributes` is what another system says about it.
    """

    access = signed_in

    name: str
    started_at: datetime
    planned_steps: int | None = None
    attributes: Json | None = None


class WorkflowPlanned(Event, type="workflow.planned"):
    """The steps of a workflow were declared. The process `workflow_runs` runs them."""

    access = signed_in

    steps: list[PlannedStep]


class WorkflowStepCompleted(Event, type="workflow.step-completed"):
    """A step was done; `number` counts them from 1.

    `completed_at` is the event's time. `duration_seconds` counts from the end of the step before it, or from
    the start of the workflow; None if it would be negative or that end is unknown. `is_planned` if the
    workflow has declared steps.
    """

    access = signed_in

    name: str
    number: int
    task_id: str | None = None
    agent_id: str | None = None
    completed_at: datetime | None = None
    duration_seconds: float | None = None
    is_planned: bool = False


class WorkflowFinished(Event, type="workflow.finished"):
    """A workflow ended with success. `duration_seconds` is None where it would be negative."""

    access = signed_in

    steps_completed: int
    duration_seconds: float | None = None
    is_planned: bool = False


class WorkflowFailed(Event, type="workflow.failed", severity=Severity.ERROR):
    """A workflow ended without success. `duration_seconds` as in `WorkflowFinished`."""

    access = signed_in

    error: str
    steps_completed: int
    duration_seconds: float | None = None
    is_planned: bool = False


class WorkflowCancelled(Event, type="workflow.cancelled"):
    """A workflow was cancelled as a whole. `duration_seconds` as in `WorkflowFinished`."""

    access = signed_in

    steps_completed: int
    reason: str | None = None
    duration_seconds: float | None = None
    is_planned: bool = False

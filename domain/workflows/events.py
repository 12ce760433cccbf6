"""Events of workflows."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from domain.kernel import Event


class WorkflowStatus(StrEnum):
    """How far a workflow has come. FINISHED and FAILED are final."""

    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"


class WorkflowStarted(Event, type="workflow.started"):
    """A workflow was started. `started_at` is the event's time, which the duration is counted from."""

    name: str
    started_at: datetime
    planned_steps: int | None = None


class WorkflowStepCompleted(Event, type="workflow.step-completed"):
    """A step was done; `number` counts them from 1.

    `completed_at` is the event's time. `duration_seconds` counts from the end of the step before it, or from
    the start of the workflow; None if it would be negative or that end is unknown.
    """

    name: str
    number: int
    task_id: str | None = None
    agent_id: str | None = None
    completed_at: datetime | None = None
    duration_seconds: float | None = None


class WorkflowFinished(Event, type="workflow.finished"):
    """A workflow ended with success. `duration_seconds` is None where it would be negative."""

    steps_completed: int
    duration_seconds: float | None = None


class WorkflowFailed(Event, type="workflow.failed"):
    """A workflow ended without success. `duration_seconds` as in `WorkflowFinished`."""

    error: str
    steps_completed: int
    duration_seconds: float | None = None

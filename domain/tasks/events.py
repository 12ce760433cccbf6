"""Events of tasks. Each names the agent and the workflow, so that no reader has to look them up."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from domain.kernel import Event, Severity
from domain.kernel.access import signed_in
from domain.kernel.fields import Json


class Priority(StrEnum):
    """How urgent a task is."""

    LOW = "LOW"
    NORMAL = "NORMAL"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


class TaskStatus(StrEnum):
    """How far a task has come. COMPLETED, FAILED and CANCELLED are final."""

    CREATED = "CREATED"
    ASSIGNED = "ASSIGNED"
    STARTED = "STARTED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class TaskCreated(Event, type="task.created"):
    """A task was created."""

    access = signed_in

    title: str
    description: str
    priority: Priority
    tags: list[str]
    workflow_id: str | None = None


class TaskAssigned(Event, type="task.assigned"):
    """A task was assigned to an agent; `previous_agent_id` had it before, if any."""

    access = signed_in

    agent_id: str
    previous_agent_id: str | None = None
    workflow_id: str | None = None


class TaskStarted(Event, type="task.started"):
    """A task was started. `started_at` is the event's time, which durations are counted from.

    `agent_id` is None if the agent is unknown, as in a log of another system that names none.
    """

    access = signed_in

    agent_id: str | None = None
    started_at: datetime
    workflow_id: str | None = None


class TaskCompleted(Event, type="task.completed"):
    """A task was completed. `duration_seconds` counts from its start; None if it was not started.

    `agent_id` as in `TaskStarted`.
    """

    access = signed_in

    agent_id: str | None = None
    workflow_id: str | None = None
    duration_seconds: float | None = None
    result: Json | None = None


class TaskFailed(Event, type="task.failed", severity=Severity.ERROR):
    """A task failed. `agent_id` and `duration_seconds` as in `TaskCompleted`."""

    access = signed_in

    agent_id: str | None = None
    error: str
    workflow_id: str | None = None
    duration_seconds: float | None = None


class TaskCancelled(Event, type="task.cancelled"):
    """A task was cancelled. `duration_seconds` as in `TaskCompleted`."""

    access = signed_in

    agent_id: str | None = None
    workflow_id: str | None = None
    reason: str | None = None
    duration_seconds: float | None = None


class TaskStateReported(Event, type="task.state_reported"):
    """Another system reported a state of the task in its own words; `attributes` is what else it reported.

    The status of the task stays the same. `agent_id` is its agent, or None.
    """

    access = signed_in

    state: str
    attributes: Json | None = None
    agent_id: str | None = None
    workflow_id: str | None = None

"""What happens to tasks. Each event says whose work it was, so that no reader has to look that up."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from domain.kernel import Event, Json


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
    """A piece of work was added."""

    title: str
    description: str
    priority: Priority
    tags: list[str]
    workflow_id: str | None = None


class TaskAssigned(Event, type="task.assigned"):
    """A task was given to an agent; `previous_agent_id` had it before, if any."""

    agent_id: str
    previous_agent_id: str | None = None
    workflow_id: str | None = None


class TaskStarted(Event, type="task.started"):
    """An agent began. `started_at` is the event's time, which durations are counted from."""

    agent_id: str
    started_at: datetime
    workflow_id: str | None = None


class TaskCompleted(Event, type="task.completed"):
    """A task was done. `duration_seconds` counts from its start, None where that is not known."""

    agent_id: str
    workflow_id: str | None = None
    duration_seconds: float | None = None
    result: Json | None = None


class TaskFailed(Event, type="task.failed"):
    """An agent could not do a task. `duration_seconds` as in `TaskCompleted`."""

    agent_id: str
    error: str
    workflow_id: str | None = None
    duration_seconds: float | None = None


class TaskCancelled(Event, type="task.cancelled"):
    """A task was called off. `duration_seconds` as in `TaskCompleted`."""

    agent_id: str | None = None
    workflow_id: str | None = None
    reason: str | None = None
    duration_seconds: float | None = None

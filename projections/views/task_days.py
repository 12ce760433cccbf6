"""The view `task_days`: how many tasks reached each status on each day, by agent."""

from __future__ import annotations

from datetime import UTC
from typing import TypedDict

from domain.kernel import RecordedEvent
from domain.kernel.access import signed_in
from domain.kernel.fields import Int32
from domain.tasks import context
from domain.tasks.events import (
    TaskAssigned,
    TaskCancelled,
    TaskCompleted,
    TaskCreated,
    TaskFailed,
    TaskStarted,
    TaskStatus,
)
from projections.kernel.links import ToOne
from projections.kernel.view import View


class TaskDayRow(TypedDict):
    """How many tasks reached `status` on a day, with this agent; `agent_id` is None for tasks without one.

    `day` is the date in UTC, as in 2011-10-02, of when it happened. A task counts each time that it
    reaches the status: one that is assigned again is assigned twice. `duration_seconds` is the sum of the
    known durations of those that ended.
    """

    id: str
    day: str
    status: TaskStatus
    agent_id: str | None
    tasks: Int32
    duration_seconds: float


def _transition(event: RecordedEvent) -> tuple[TaskStatus, str | None] | None:
    """Return the status that an event led a task to, and the agent of the task."""
    match event.payload:
        case TaskCreated():
            return TaskStatus.CREATED, None
        case TaskAssigned(agent_id=agent):
            return TaskStatus.ASSIGNED, agent
        case TaskStarted(agent_id=agent):
            return TaskStatus.STARTED, agent
        case TaskCompleted(agent_id=agent):
            return TaskStatus.COMPLETED, agent
        case TaskFailed(agent_id=agent):
            return TaskStatus.FAILED, agent
        case TaskCancelled(agent_id=agent):
            return TaskStatus.CANCELLED, agent
        case _:
            return None


def _day(event: RecordedEvent) -> str:
    return event.time.astimezone(UTC).date().isoformat()


def _key(event: RecordedEvent) -> tuple[str, ...]:
    transition = _transition(event)
    if transition is None:
        return ()
    status, agent = transition
    return (f"{_day(event)}/{status}/{agent or ''}",)


def _apply(id: str, row: TaskDayRow | None, event: RecordedEvent) -> TaskDayRow | None:
    transition = _transition(event)
    if transition is None:
        return row
    if row is None:
        status, agent = transition
        row = TaskDayRow(id=id, day=_day(event), status=status, agent_id=agent, tasks=0, duration_seconds=0.0)
    spent = getattr(event.payload, "duration_seconds", None) or 0.0
    return {**row, "tasks": row["tasks"] + 1, "duration_seconds": round(row["duration_seconds"] + spent, 3)}


view = View(
    name="task_days",
    singular="task_day",
    context=context,
    row=TaskDayRow,
    key=_key,
    apply=_apply,
    filters=("day", "status", "agent_id"),
    orders=("day", "tasks"),
    indexes=(("status", "-day"), ("agent_id", "status", "-day")),
    links=(ToOne("agent", "agents", by="agent_id"),),
    description="The number of tasks of one agent that reached a status on a day.",
    access=signed_in,
)

"""The view `tasks`: each task as it is now."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from domain.kernel import RecordedEvent
from domain.kernel.access import signed_in
from domain.kernel.fields import Json
from domain.tasks import context
from domain.tasks.events import (
    Priority,
    TaskAssigned,
    TaskCancelled,
    TaskCompleted,
    TaskCreated,
    TaskFailed,
    TaskStarted,
    TaskStateReported,
    TaskStatus,
)
from projections.kernel import View
from projections.kernel.links import ToOne


class TaskRow(TypedDict):
    """A task. `duration_seconds` counts from its start to its end; None if one of them is unknown.

    `reported_state` is the last state that another system reported in its own words, and
    `reported_attributes` is what it reported with it.
    """

    id: str
    title: str
    description: str
    status: TaskStatus
    priority: Priority
    tags: list[str]
    agent_id: str | None
    workflow_id: str | None
    result: Json | None
    error: str | None
    cancel_reason: str | None
    reported_state: str | None
    reported_attributes: Json | None
    created_at: datetime
    assigned_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    duration_seconds: float | None


def _apply(id: str, row: TaskRow | None, event: RecordedEvent) -> TaskRow | None:
    payload = event.payload
    if isinstance(payload, TaskCreated):
        return _created(id, payload, event.time)
    if row is None:
        return None
    match payload:
        case TaskAssigned():
            assigned: TaskRow = {**row, "status": TaskStatus.ASSIGNED, "assigned_at": event.time}
            return {**assigned, "agent_id": payload.agent_id}
        case TaskStarted():
            return {**row, "status": TaskStatus.STARTED, "started_at": payload.started_at}
        case TaskCompleted():
            return {**_over(row, TaskStatus.COMPLETED, payload, event.time), "result": payload.result}
        case TaskFailed():
            return {**_over(row, TaskStatus.FAILED, payload, event.time), "error": payload.error}
        case TaskCancelled():
            return {**_over(row, TaskStatus.CANCELLED, payload, event.time), "cancel_reason": payload.reason}
        case TaskStateReported():
            return {**row, "reported_state": payload.state, "reported_attributes": payload.attributes}
        case _:
            return row


def _created(id: str, event: TaskCreated, time: datetime) -> TaskRow:
    return TaskRow(
        id=id,
        title=event.title,
        description=event.description,
        status=TaskStatus.CREATED,
        priority=event.priority,
        tags=event.tags,
        agent_id=None,
        workflow_id=event.workflow_id,
        result=None,
        error=None,
        cancel_reason=None,
        reported_state=None,
        reported_attributes=None,
        created_at=time,
        assigned_at=None,
        started_at=None,
        finished_at=None,
        duration_seconds=None,
    )


def _over(
    row: TaskRow, status: TaskStatus, event: TaskCompleted | TaskFailed | TaskCancelled, time: datetime
) -> TaskRow:
    return {**row, "status": status, "finished_at": time, "duration_seconds": event.duration_seconds}


view = View(
    context=context,
    row=TaskRow,
    apply=_apply,
    filters=("title", "status", "priority", "agent_id", "workflow_id", "created_at", "finished_at"),
    orders=("title", "created_at", "finished_at", "duration_seconds"),
    indexes=(("status", "-created_at"), ("agent_id", "status", "-created_at")),
    search=("title", "description", "tags"),
    defaults={"reported_state": None, "reported_attributes": None},
    links=(
        ToOne("agent", "agents", by="agent_id"),
        ToOne("workflow", "workflows", by="workflow_id"),
    ),
    description="A task, done by one agent.",
    access=signed_in,
)

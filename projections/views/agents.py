"""The view `agents`: each agent with the counts of its tasks."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from domain.agents import context
from domain.agents.events import AgentRegistered, AgentRetired, AgentState, AgentStateChanged
from domain.kernel import RecordedEvent
from domain.kernel.access import signed_in
from domain.kernel.fields import Int32
from domain.tasks import context as tasks
from domain.tasks.events import TaskAssigned, TaskCancelled, TaskCompleted, TaskFailed
from projections.kernel.links import ToMany
from projections.kernel.view import View


class AgentRow(TypedDict):
    """An agent and the count of its tasks. `open_tasks` are those that it has and that are not over."""

    id: str
    name: str
    capabilities: list[str]
    state: AgentState
    open_tasks: Int32
    completed_tasks: Int32
    failed_tasks: Int32
    cancelled_tasks: Int32
    registered_at: datetime
    retired_at: datetime | None


def _key(event: RecordedEvent) -> tuple[str, ...]:
    match event.payload:
        case AgentRegistered() | AgentStateChanged() | AgentRetired():
            return (event.stream,)
        case TaskAssigned(agent_id=agent, previous_agent_id=previous):
            return (agent,) if previous is None else (agent, previous)
        case TaskCompleted() | TaskFailed() | TaskCancelled():
            return () if event.payload.agent_id is None else (event.payload.agent_id,)
        case _:
            return ()


def _apply(id: str, row: AgentRow | None, event: RecordedEvent) -> AgentRow | None:
    payload = event.payload
    if isinstance(payload, AgentRegistered):
        return _registered(id, payload, event.time)
    if row is None:
        return None
    match payload:
        case AgentStateChanged():
            return {**row, "state": payload.state}
        case AgentRetired():
            return {**row, "state": AgentState.RETIRED, "retired_at": event.time}
        case TaskAssigned():
            return {**row, "open_tasks": row["open_tasks"] + (1 if payload.agent_id == id else -1)}
        case TaskCompleted():
            return {**_closed(row), "completed_tasks": row["completed_tasks"] + 1}
        case TaskFailed():
            return {**_closed(row), "failed_tasks": row["failed_tasks"] + 1}
        case TaskCancelled():
            return {**_closed(row), "cancelled_tasks": row["cancelled_tasks"] + 1}
        case _:
            return row


def _registered(id: str, event: AgentRegistered, time: datetime) -> AgentRow:
    return AgentRow(
        id=id,
        name=event.name,
        capabilities=event.capabilities,
        state=AgentState.IDLE,
        open_tasks=0,
        completed_tasks=0,
        failed_tasks=0,
        cancelled_tasks=0,
        registered_at=time,
        retired_at=None,
    )


def _closed(row: AgentRow) -> AgentRow:
    return {**row, "open_tasks": row["open_tasks"] - 1}


view = View(
    context=context,
    row=AgentRow,
    key=_key,
    apply=_apply,
    filters=("name", "state", "open_tasks", "completed_tasks", "failed_tasks", "registered_at"),
    orders=("name", "open_tasks", "completed_tasks", "failed_tasks", "registered_at"),
    indexes=(("state", "name"),),
    also_reads=(tasks,),
    links=(ToMany("tasks", "tasks", by="agent_id"), ToMany("task_days", "task_days", by="agent_id")),
    description="An agent that works on tasks, with the numbers of its tasks.",
    access=signed_in,
)

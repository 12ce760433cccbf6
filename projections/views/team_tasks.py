"""The view `team_tasks`: each task of several agents, with what each of them has reported."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from domain.kernel import Int32, Json, RecordedEvent
from domain.process.events import CompensationStarted, ProcessCancelled, ProcessCompensated, ProcessCompleted
from domain.tasks.events import Priority
from domain.teamwork import context
from domain.teamwork.events import AgentReported, ReviewRequested, TeamTaskRequested, TeamTaskStatus
from domain.teamwork.process import MultiAgentTask
from domain.teamwork.process import context as teamwork
from projections.kernel import View
from projections.kernel.links import ToOne


class TeamReport(TypedDict):
    """What an agent has done for a team task."""

    agent_id: str
    task_id: str
    result: Json | None
    reported_at: datetime


class TeamTaskRow(TypedDict):
    """A task of several agents, with the results of those that have completed theirs.

    `progress` is the share of the agents that have reported. `reason` says why it failed or was cancelled.
    """

    id: str
    title: str
    description: str
    priority: Priority
    status: TeamTaskStatus
    agent_ids: list[str]
    reports: list[TeamReport]
    agents_reported: Int32
    agents_required: Int32
    progress: float
    approval_id: str | None
    reason: str | None
    requested_at: datetime
    due: datetime | None
    ended_at: datetime | None


def _key(event: RecordedEvent) -> tuple[str, ...]:
    match event.payload:
        case TeamTaskRequested():
            return (event.stream,)
        case AgentReported(team_task_id=team_task) | ReviewRequested(team_task_id=team_task):
            return (team_task,)
        case CompensationStarted() | ProcessCompleted() | ProcessCompensated() | ProcessCancelled():
            category, _, key = event.stream.partition("-")
            return (f"{context.category}-{key}",) if category == MultiAgentTask.category else ()
    return ()


def _apply(id: str, row: TeamTaskRow | None, event: RecordedEvent) -> TeamTaskRow | None:
    payload = event.payload
    if isinstance(payload, TeamTaskRequested):
        return _requested(id, payload, event.time)
    if row is None:
        return None
    match payload:
        case AgentReported():
            return _reported(row, payload, event.time)
        case ReviewRequested(approval_id=approval):
            return {**row, "status": TeamTaskStatus.IN_REVIEW, "approval_id": approval}
        case CompensationStarted(reason=reason):
            return {**row, "status": TeamTaskStatus.FAILED, "reason": reason}
        case ProcessCancelled(reason=reason, compensate=compensate):
            ended = None if compensate else event.time
            return {**row, "status": TeamTaskStatus.CANCELLED, "reason": reason, "ended_at": ended}
        case ProcessCompleted():
            return {**row, "status": TeamTaskStatus.COMPLETED, "ended_at": event.time}
        case ProcessCompensated():
            return {**row, "ended_at": event.time}
        case _:
            return row


def _requested(id: str, event: TeamTaskRequested, time: datetime) -> TeamTaskRow:
    return TeamTaskRow(
        id=id,
        title=event.title,
        description=event.description,
        priority=event.priority,
        status=TeamTaskStatus.RUNNING,
        agent_ids=event.agent_ids,
        reports=[],
        agents_reported=0,
        agents_required=len(event.agent_ids),
        progress=0.0,
        approval_id=None,
        reason=None,
        requested_at=time,
        due=event.due,
        ended_at=None,
    )


def _reported(row: TeamTaskRow, event: AgentReported, time: datetime) -> TeamTaskRow:
    report = TeamReport(agent_id=event.agent_id, task_id=event.task_id, result=event.result, reported_at=time)
    count = row["agents_reported"] + 1
    return {
        **row,
        "reports": [*row["reports"], report],
        "agents_reported": count,
        "progress": count / row["agents_required"],
    }


view = View(
    context=context,
    row=TeamTaskRow,
    key=_key,
    apply=_apply,
    filters=("title", "status", "priority", "approval_id", "requested_at", "due", "ended_at"),
    orders=("title", "requested_at", "due", "ended_at", "progress"),
    indexes=(("status", "-requested_at"),),
    also_reads=(teamwork,),
    search=("title", "description"),
    links=(
        ToOne("approval", "approvals", by="approval_id"),
        ToOne("reports.agent", "agents", by="agent_id"),
        ToOne("reports.task", "tasks", by="task_id"),
    ),
    description="A task of several agents, completed when all of them have reported.",
    # The fold reads no input or reply that an event of the process carries; a reason may repeat one.
    personal=("reason",),
)

"""Events of team tasks, and of the process that runs them."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from domain.kernel import Event, Json
from domain.tasks.events import Priority


class TeamTaskStatus(StrEnum):
    """How far a team task has come. The last three are final."""

    RUNNING = "RUNNING"
    IN_REVIEW = "IN_REVIEW"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class TeamTaskRequested(Event, type="teamtask.requested"):
    """All of these agents are to do a task until `due`.

    With a `review_time` a person has to accept the results within it; `accept_unreviewed` is what applies
    without an answer.
    """

    title: str
    description: str
    priority: Priority
    agent_ids: list[str]
    due: datetime | None = None
    review_time: timedelta | None = None
    accept_unreviewed: bool = False


class TeamFormed(Event, type="teamwork.formed"):
    """Each agent of a team task gets a task."""

    team_task_id: str
    title: str
    agent_ids: list[str]
    review_time: timedelta | None = None
    accept_unreviewed: bool = False


class AgentReported(Event, type="teamwork.reported"):
    """An agent has done its part of a team task."""

    team_task_id: str
    task_id: str
    agent_id: str
    result: Json | None = None


class ReviewRequested(Event, type="teamwork.review_requested"):
    """All agents have reported, and a person is asked to accept the results."""

    team_task_id: str
    approval_id: str

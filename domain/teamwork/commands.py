"""Commands of team tasks."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import Field

from domain.kernel import CreateCommand, Identifier, Name, Text
from domain.tasks.events import Priority

MAX_AGENTS = 100


class RequestTeamTask(CreateCommand):
    """Has several agents do a task each. It is completed when all of them have completed theirs.

    If one of the tasks fails or is cancelled, or the deadline passes, the remaining tasks are cancelled. The
    results of completed tasks are kept.
    """

    title: Name = Field(description="What is to be done, in one line.")
    description: Text = Field("", description="All that the agents need to know.")
    priority: Priority = Field(Priority.NORMAL, description="How urgent it is beside other tasks.")
    agent_ids: list[Identifier] = Field(
        min_length=1, max_length=MAX_AGENTS, description="The agents that are required, each once."
    )
    due: datetime | None = Field(None, description="When all agents must have completed their tasks.")
    review_time: timedelta | None = Field(
        None, gt=timedelta(0), description="Time for a person to accept the results; default: no review."
    )
    accept_unreviewed: bool = Field(
        False, description="Whether results are accepted if nobody has reviewed them in time."
    )

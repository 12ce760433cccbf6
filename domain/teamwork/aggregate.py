"""The rules of a request for a team task. The process `MultiAgentTask` carries it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from domain.kernel import Aggregate, Facts, InvariantViolated
from domain.teamwork.commands import RequestTeamTask
from domain.teamwork.events import TeamTaskRequested

MAX_ID = 100
"""Characters of the id of a team task, because the ids of its tasks are made from it."""


@dataclass(frozen=True, slots=True)
class TeamTask(Aggregate[RequestTeamTask, TeamTaskRequested]):
    """A team task, as it was requested."""

    category: ClassVar[str] = "teamtask"

    def decide(self, command: RequestTeamTask, facts: Facts) -> Sequence[TeamTaskRequested]:
        if len(facts.stream_id) > MAX_ID:
            raise InvariantViolated(
                f"the id of the team task has more than {MAX_ID} characters; choose a shorter one"
            )
        for agent in command.agent_ids:
            if command.agent_ids.count(agent) > 1:
                raise InvariantViolated(f"{agent} is required twice; name each agent once")
        if command.due is not None and command.due <= facts.now:
            raise InvariantViolated("the deadline has passed; choose a later one")
        return [_requested(command)]

    def evolve(self, event: TeamTaskRequested) -> TeamTask:
        return self


def _requested(command: RequestTeamTask) -> TeamTaskRequested:
    return TeamTaskRequested(
        title=command.title,
        description=command.description,
        priority=command.priority,
        agent_ids=command.agent_ids,
        due=command.due,
        review_time=command.review_time,
        accept_unreviewed=command.accept_unreviewed,
    )

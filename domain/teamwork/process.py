"""The process `multi_agent_tasks`: gives each agent of a team task its task, and waits for all of them.

What was begun is undone by withdrawing the tasks, so those that have ended are kept as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import ClassVar, assert_never

from domain.approvals.commands import RequestApproval, WithdrawApproval
from domain.approvals.events import ApprovalGranted, ApprovalRejected
from domain.kernel import Json, RecordedEvent
from domain.process import (
    CancelDeadline,
    CommandRefused,
    Compensate,
    Complete,
    DeadlineReached,
    Dispatch,
    Process,
    ProcessFacts,
    Reaction,
    SetDeadline,
    StartAt,
    process_context,
)
from domain.tasks.commands import CreateTask, WithdrawTask
from domain.tasks.events import TaskCancelled, TaskCompleted, TaskFailed
from domain.teamwork.events import AgentReported, ReviewRequested, TeamFormed, TeamTaskRequested

TeamworkTrigger = (
    TeamTaskRequested
    | TaskCompleted
    | TaskFailed
    | TaskCancelled
    | ApprovalGranted
    | ApprovalRejected
    | CommandRefused
    | DeadlineReached
)
TeamworkEvent = TeamFormed | AgentReported | ReviewRequested

ACCEPT = "Accept"
DUE = "due"
_TASK = re.compile(r"task-team\.(.+)\.\d+")


@dataclass(frozen=True, slots=True)
class MultiAgentTask(Process[TeamworkTrigger, TeamworkEvent]):
    """Runs one team task: it is completed when all of its agents have completed their tasks.

    `results` are those that were reported, by task.
    """

    category: ClassVar[str] = "teamwork"
    starts_at: ClassVar[StartAt] = StartAt.BEGINNING

    team_task_id: str = ""
    title: str = ""
    agents: Mapping[str, str] = field(default_factory=dict)
    results: Mapping[str, Json | None] = field(default_factory=dict)
    review_time: timedelta | None = None
    accept_unreviewed: bool = False

    @classmethod
    def key(cls, event: RecordedEvent) -> str | None:
        match event.payload:
            case TeamTaskRequested():
                return event.stream.partition("-")[2]
            case ApprovalGranted(requester_id=requester) | ApprovalRejected(requester_id=requester):
                category, _, key = (requester or "").partition("-")
                return key if category == cls.category else None
        task = _TASK.fullmatch(event.stream)
        return task and task[1]

    def react(self, trigger: TeamworkTrigger, facts: ProcessFacts) -> Reaction:
        match trigger:
            case TeamTaskRequested() if facts.event:
                return _form(trigger, facts.event.stream)
            case TaskCompleted() | TaskFailed() | TaskCancelled() if facts.event:
                return self._report(trigger, facts.event.stream, facts)
            case CommandRefused(name=name, message=message):
                return [Compensate(f"{name} was refused: {message}")]
            case DeadlineReached():
                return [
                    Compensate(
                        f"the deadline has passed, and {len(self.results)} of {len(self.agents)} agents have "
                        "completed their tasks"
                    )
                ]
            case ApprovalGranted():
                return [self._complete()]
            case ApprovalRejected(reason=reason, is_default=is_default):
                text = (
                    "nobody has reviewed the results in time" if is_default else "the results were rejected"
                )
                return [Compensate(f"{text}: {reason}" if reason else text)]
        return []

    def evolve(self, event: TeamworkEvent) -> MultiAgentTask:
        match event:
            case TeamFormed():
                return replace(
                    self,
                    team_task_id=event.team_task_id,
                    title=event.title,
                    agents=dict(_tasks(event.team_task_id, event.agent_ids)),
                    review_time=event.review_time,
                    accept_unreviewed=event.accept_unreviewed,
                )
            case AgentReported():
                return replace(self, results={**self.results, event.task_id: event.result})
            case ReviewRequested():
                return self
            case _:
                assert_never(event)

    def _report(
        self, trigger: TaskCompleted | TaskFailed | TaskCancelled, task: str, facts: ProcessFacts
    ) -> Reaction:
        if task not in self.agents:
            return
        match trigger:
            case TaskFailed(error=error):
                yield Compensate(f"{task} failed: {error}")
            case TaskCancelled():
                yield Compensate(f"{task} was cancelled")
            case TaskCompleted(agent_id=agent, result=result):
                reported = AgentReported(
                    team_task_id=self.team_task_id,
                    task_id=task,
                    agent_id=agent or self.agents[task],
                    result=result,
                )
                yield reported
                after = self.evolve(reported)
                if len(after.results) == len(after.agents):
                    yield from after._end(facts)

    def _end(self, facts: ProcessFacts) -> Reaction:
        """Complete the team task, or ask a person to accept its results first."""
        if self.review_time is None:
            yield self._complete()
            return
        approval = f"approval-team.{facts.key}"
        yield ReviewRequested(team_task_id=self.team_task_id, approval_id=approval)
        yield CancelDeadline(DUE)
        yield Dispatch(
            RequestApproval(
                id=approval,
                question=f"All agents have completed {self.title!r}. Are the results accepted?",
                options=[ACCEPT],
                due=facts.now + self.review_time,
                default_option=ACCEPT if self.accept_unreviewed else None,
                requester_id=facts.instance,
            ),
            "review",
            compensation=WithdrawApproval(id=approval),
        )

    def _complete(self) -> Complete:
        return Complete(
            [{"agentId": self.agents[task], "result": self.results[task]} for task in self.agents]
        )


def _form(requested: TeamTaskRequested, team_task: str) -> Reaction:
    yield TeamFormed(
        team_task_id=team_task,
        title=requested.title,
        agent_ids=requested.agent_ids,
        review_time=requested.review_time,
        accept_unreviewed=requested.accept_unreviewed,
    )
    if requested.due is not None:
        yield SetDeadline(DUE, requested.due)
    for task, agent in _tasks(team_task, requested.agent_ids):
        yield Dispatch(
            CreateTask(
                id=task,
                title=requested.title,
                description=requested.description,
                priority=requested.priority,
                agent_id=agent,
            ),
            f"task of {agent}",
            compensation=WithdrawTask(id=task, reason=f"{team_task} has ended without it"),
        )


def _tasks(team_task: str, agents: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the task of each agent."""
    key = team_task.partition("-")[2]
    for number, agent in enumerate(agents):
        yield f"task-team.{key}.{number}", agent


context = process_context("multi_agent_tasks", MultiAgentTask)

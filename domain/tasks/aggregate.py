"""The rules of one task.

    CREATED -> ASSIGNED -> STARTED -> COMPLETED | FAILED
    any of the first three -> CANCELLED

ASSIGNED leads to COMPLETED or FAILED as well: an agent may report the end alone. CREATED leads to STARTED,
COMPLETED or FAILED only by commands that accept that the agent is unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar, assert_never

from domain.agents.aggregate import Agent
from domain.kernel import Aggregate, Facts, InvariantViolated
from domain.kernel.fields import elapsed
from domain.tasks.commands import (
    AssignTask,
    CancelTask,
    CompleteTask,
    CreateTask,
    FailTask,
    ReportTaskState,
    StartTask,
    WithdrawTask,
)
from domain.tasks.events import (
    TaskAssigned,
    TaskCancelled,
    TaskCompleted,
    TaskCreated,
    TaskFailed,
    TaskStarted,
    TaskStateReported,
    TaskStatus,
)

TaskCommand = (
    CreateTask
    | AssignTask
    | StartTask
    | CompleteTask
    | FailTask
    | CancelTask
    | WithdrawTask
    | ReportTaskState
)
TaskEvent = (
    TaskCreated | TaskAssigned | TaskStarted | TaskCompleted | TaskFailed | TaskCancelled | TaskStateReported
)

_OVER = frozenset({TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED})


@dataclass(frozen=True, slots=True)
class Task(Aggregate[TaskCommand, TaskEvent]):
    """A task on its way from created to completed, failed or cancelled."""

    category: ClassVar[str] = "task"

    status: TaskStatus = TaskStatus.CREATED
    agent_id: str | None = None
    workflow_id: str | None = None
    started_at: datetime | None = None

    def decide(self, command: TaskCommand, facts: Facts) -> Sequence[TaskEvent]:
        match command:
            case CreateTask():
                return _create(command, facts)
            case AssignTask():
                return self._assign(command, facts)
            case StartTask():
                return self._start(command, facts)
            case CompleteTask():
                return self._complete(command, facts)
            case FailTask():
                return self._fail(command, facts)
            case CancelTask():
                return self._cancel(command, facts)
            case WithdrawTask():
                return [] if self.status in _OVER else self._cancel(command, facts)
            case ReportTaskState():
                return [self._state_reported(command)]
            case _:
                assert_never(command)

    def evolve(self, event: TaskEvent) -> Task:
        match event:
            case TaskCreated():
                return replace(self, workflow_id=event.workflow_id)
            case TaskAssigned():
                return replace(self, status=TaskStatus.ASSIGNED, agent_id=event.agent_id)
            case TaskStarted():
                return replace(self, status=TaskStatus.STARTED, started_at=event.started_at)
            case TaskCompleted():
                return replace(self, status=TaskStatus.COMPLETED)
            case TaskFailed():
                return replace(self, status=TaskStatus.FAILED)
            case TaskCancelled():
                return replace(self, status=TaskStatus.CANCELLED)
            case TaskStateReported():
                return self
            case _:
                assert_never(event)

    def _assign(self, command: AssignTask, facts: Facts) -> Sequence[TaskEvent]:
        if self.status not in (TaskStatus.CREATED, TaskStatus.ASSIGNED):
            raise InvariantViolated(f"the task is {self.status}; it can be assigned only until it is started")
        if command.agent_id == self.agent_id:
            return []
        _require_service(command.agent_id, facts)
        assigned = TaskAssigned(
            agent_id=command.agent_id, previous_agent_id=self.agent_id, workflow_id=self.workflow_id
        )
        return [assigned]

    def _start(self, command: StartTask, facts: Facts) -> Sequence[TaskEvent]:
        agent = self._agent("started", command.agent_unknown)
        if self.status == TaskStatus.STARTED:
            raise InvariantViolated(f"the task is {self.status} already; it can be started once")
        return [TaskStarted(agent_id=agent, started_at=facts.now, workflow_id=self.workflow_id)]

    def _complete(self, command: CompleteTask, facts: Facts) -> Sequence[TaskEvent]:
        completed = TaskCompleted(
            agent_id=self._agent("completed", command.agent_unknown),
            workflow_id=self.workflow_id,
            duration_seconds=elapsed(self.started_at, facts.now),
            result=command.result,
        )
        return [completed]

    def _fail(self, command: FailTask, facts: Facts) -> Sequence[TaskEvent]:
        failed = TaskFailed(
            agent_id=self._agent("failed", command.agent_unknown),
            workflow_id=self.workflow_id,
            duration_seconds=elapsed(self.started_at, facts.now),
            error=command.error,
        )
        return [failed]

    def _cancel(self, command: CancelTask | WithdrawTask, facts: Facts) -> Sequence[TaskEvent]:
        self._require_open()
        cancelled = TaskCancelled(
            agent_id=self.agent_id,
            workflow_id=self.workflow_id,
            duration_seconds=elapsed(self.started_at, facts.now),
            reason=command.reason,
        )
        return [cancelled]

    def _state_reported(self, command: ReportTaskState) -> TaskStateReported:
        return TaskStateReported(
            state=command.state,
            attributes=command.attributes,
            agent_id=self.agent_id,
            workflow_id=self.workflow_id,
        )

    def _agent(self, wanted: str, agent_unknown: bool) -> str | None:
        """Return the agent of a task that is not over; None only where the command accepts that."""
        self._require_open()
        if self.agent_id is None and not agent_unknown:
            raise InvariantViolated(f"the task has no agent; assign it before it is {wanted}")
        return self.agent_id

    def _require_open(self) -> None:
        if self.status in _OVER:
            raise InvariantViolated(f"the task is {self.status}, which is final; create a new one")


def _create(command: CreateTask, facts: Facts) -> Sequence[TaskEvent]:
    created = TaskCreated(
        title=command.title,
        description=command.description,
        priority=command.priority,
        tags=command.tags,
        workflow_id=command.workflow_id,
    )
    if command.agent_id is None:
        return [created]
    _require_service(command.agent_id, facts)
    return [created, TaskAssigned(agent_id=command.agent_id, workflow_id=command.workflow_id)]


def _require_service(agent_id: str, facts: Facts) -> None:
    if facts.reference(Agent, agent_id).retired:
        raise InvariantViolated(f"{agent_id} is retired and gets no task; choose another agent")

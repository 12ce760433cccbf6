"""The rules of one workflow: steps are added while it runs, and it ends once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar, assert_never

from domain.kernel import Aggregate, Facts, InvariantViolated
from domain.kernel.fields import elapsed
from domain.tasks.aggregate import Task
from domain.tasks.events import TaskStatus
from domain.workflows.commands import CompleteStep, FailWorkflow, FinishWorkflow, StartWorkflow
from domain.workflows.events import (
    WorkflowFailed,
    WorkflowFinished,
    WorkflowStarted,
    WorkflowStatus,
    WorkflowStepCompleted,
)

WorkflowCommand = StartWorkflow | CompleteStep | FinishWorkflow | FailWorkflow
WorkflowEvent = WorkflowStarted | WorkflowStepCompleted | WorkflowFinished | WorkflowFailed

_StepKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Workflow(Aggregate[WorkflowCommand, WorkflowEvent]):
    """A workflow. `done` are its completed steps, each by its task, or by its name without one.

    `stepped_at` is when its last step ended, before the first step when it started; None if unknown.
    """

    category: ClassVar[str] = "workflow"

    status: WorkflowStatus = WorkflowStatus.RUNNING
    started_at: datetime | None = None
    stepped_at: datetime | None = None
    steps: int = 0
    done: frozenset[_StepKey] = frozenset()

    def decide(self, command: WorkflowCommand, facts: Facts) -> Sequence[WorkflowEvent]:
        if self.status != WorkflowStatus.RUNNING:
            raise InvariantViolated(f"the workflow is {self.status}, which is final; start a new one")
        match command:
            case StartWorkflow():
                started = WorkflowStarted(
                    name=command.name, started_at=facts.now, planned_steps=command.planned_steps
                )
                return [started]
            case CompleteStep():
                return self._complete_step(command, facts)
            case FinishWorkflow():
                duration = elapsed(self.started_at, facts.now)
                return [WorkflowFinished(steps_completed=self.steps, duration_seconds=duration)]
            case FailWorkflow():
                duration = elapsed(self.started_at, facts.now)
                failed = WorkflowFailed(
                    error=command.error, steps_completed=self.steps, duration_seconds=duration
                )
                return [failed]
            case _:
                assert_never(command)

    def evolve(self, event: WorkflowEvent) -> Workflow:
        match event:
            case WorkflowStarted():
                return replace(self, started_at=event.started_at, stepped_at=event.started_at)
            case WorkflowStepCompleted():
                step = _key(event.name, event.task_id)
                done = self.done | {step}
                return replace(self, steps=event.number, done=done, stepped_at=event.completed_at)
            case WorkflowFinished():
                return replace(self, status=WorkflowStatus.FINISHED)
            case WorkflowFailed():
                return replace(self, status=WorkflowStatus.FAILED)
            case _:
                assert_never(event)

    def _complete_step(self, command: CompleteStep, facts: Facts) -> Sequence[WorkflowEvent]:
        if _key(command.name, command.task_id) in self.done:
            raise InvariantViolated(
                f"the step {command.task_id or command.name!r} is completed already; "
                "a step that is done again needs a task of its own"
            )
        completed = WorkflowStepCompleted(
            name=command.name,
            number=self.steps + 1,
            task_id=command.task_id,
            agent_id=_agent(command, facts),
            completed_at=facts.now,
            duration_seconds=elapsed(self.stepped_at, facts.now),
        )
        return [completed]


def _key(name: str, task_id: str | None) -> _StepKey:
    return ("name", name) if task_id is None else ("task", task_id)


def _agent(command: CompleteStep, facts: Facts) -> str | None:
    """Return the agent of the step: that of its task, else the one that the command names."""
    if command.task_id is None:
        return command.agent_id
    task = facts.reference(Task, command.task_id)
    if task.status != TaskStatus.COMPLETED:
        raise InvariantViolated(
            f"{command.task_id} is {task.status}; a step is completed by a task that is completed"
        )
    if task.workflow_id not in (None, command.id):
        raise InvariantViolated(f"{command.task_id} is part of {task.workflow_id}, not of {command.id}")
    if command.agent_id not in (None, task.agent_id):
        raise InvariantViolated(f"{command.task_id} was done by {task.agent_id}, not by {command.agent_id}")
    return task.agent_id

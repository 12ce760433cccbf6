"""The rules of one workflow: its steps are declared or added while it runs, and it ends once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar, assert_never

from domain.kernel import Aggregate, Facts, InvariantViolated
from domain.kernel.fields import elapsed
from domain.tasks.aggregate import Task
from domain.tasks.events import TaskStatus
from domain.workflows.commands import (
    CancelWorkflow,
    CompleteStep,
    FailWorkflow,
    FinishWorkflow,
    StartWorkflow,
)
from domain.workflows.events import (
    WorkflowCancelled,
    WorkflowFailed,
    WorkflowFinished,
    WorkflowPlanned,
    WorkflowStarted,
    WorkflowStatus,
    WorkflowStepCompleted,
)
from domain.workflows.plan import check_plan

WorkflowCommand = StartWorkflow | CompleteStep | FinishWorkflow | FailWorkflow | CancelWorkflow
WorkflowEvent = (
    WorkflowStarted
    | WorkflowPlanned
    | WorkflowStepCompleted
    | WorkflowFinished
    | WorkflowFailed
    | WorkflowCancelled
)

MAX_PLANNED_ID = 100

_StepKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Workflow(Aggregate[WorkflowCommand, WorkflowEvent]):
    """A workflow. `done` are its completed steps, each by its task, or by its name without one.

    `open_steps` are the names of declared steps that are not completed; None without declared steps.

    `stepped_at` is when its last step ended, before the first step when it started; None if unknown.
    """

    category: ClassVar[str] = "workflow"

    status: WorkflowStatus = WorkflowStatus.RUNNING
    started_at: datetime | None = None
    stepped_at: datetime | None = None
    steps: int = 0
    done: frozenset[_StepKey] = frozenset()
    open_steps: frozenset[str] | None = None

    def decide(self, command: WorkflowCommand, facts: Facts) -> Sequence[WorkflowEvent]:
        if self.status != WorkflowStatus.RUNNING:
            raise InvariantViolated(f"the workflow is {self.status}, which is final; start a new one")
        match command:
            case StartWorkflow():
                return _start(command, facts)
            case CompleteStep():
                return self._complete_step(command, facts)
            case FinishWorkflow():
                duration = elapsed(self.started_at, facts.now)
                finished = WorkflowFinished(
                    steps_completed=self.steps, duration_seconds=duration, is_planned=self.is_planned
                )
                return [finished]
            case FailWorkflow():
                duration = elapsed(self.started_at, facts.now)
                failed = WorkflowFailed(
                    error=command.error,
                    steps_completed=self.steps,
                    duration_seconds=duration,
                    is_planned=self.is_planned,
                )
                return [failed]
            case CancelWorkflow():
                cancelled = WorkflowCancelled(
                    reason=command.reason,
                    steps_completed=self.steps,
                    duration_seconds=elapsed(self.started_at, facts.now),
                    is_planned=self.is_planned,
                )
                return [cancelled]
            case _:
                assert_never(command)

    def evolve(self, event: WorkflowEvent) -> Workflow:
        match event:
            case WorkflowStarted():
                return replace(self, started_at=event.started_at, stepped_at=event.started_at)
            case WorkflowStepCompleted():
                step = _key(event.name, event.task_id)
                done = self.done | {step}
                open_steps = None if self.open_steps is None else self.open_steps - {event.name}
                return replace(
                    self,
                    steps=event.number,
                    done=done,
                    open_steps=open_steps,
                    stepped_at=event.completed_at,
                )
            case WorkflowPlanned():
                return replace(self, open_steps=frozenset(step.name for step in event.steps))
            case WorkflowFinished():
                return replace(self, status=WorkflowStatus.FINISHED)
            case WorkflowCancelled():
                return replace(self, status=WorkflowStatus.CANCELLED)
            case WorkflowFailed():
                return replace(self, status=WorkflowStatus.FAILED)
            case _:
                assert_never(event)

    @property
    def is_planned(self) -> bool:
        """Whether it has declared steps."""
        return self.open_steps is not None

    def _complete_step(self, command: CompleteStep, facts: Facts) -> Sequence[WorkflowEvent]:
        if self.open_steps is not None and command.name not in self.open_steps:
            open_steps = ", ".join(map(repr, sorted(self.open_steps))) or "none"
            raise InvariantViolated(
                f"the step {command.name!r} is none of the declared steps that are open: {open_steps}"
            )
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
            is_planned=self.is_planned,
        )
        return [completed]


def _start(command: StartWorkflow, facts: Facts) -> Sequence[WorkflowEvent]:
    if not command.steps:
        started = WorkflowStarted(
            name=command.name,
            started_at=facts.now,
            planned_steps=command.planned_steps,
            attributes=command.attributes,
        )
        return [started]
    if command.planned_steps not in (None, len(command.steps)):
        raise InvariantViolated(
            f"plannedSteps is {command.planned_steps}, and {len(command.steps)} steps are declared; leave "
            "plannedSteps out"
        )
    if len(facts.stream_id) > MAX_PLANNED_ID:
        raise InvariantViolated(
            f"the id of a workflow with declared steps has {MAX_PLANNED_ID} characters at most, because the "
            "ids of its tasks are made from it; choose a shorter one"
        )
    check_plan(command.steps)
    started = WorkflowStarted(
        name=command.name,
        started_at=facts.now,
        planned_steps=len(command.steps),
        attributes=command.attributes,
    )
    return [started, WorkflowPlanned(steps=command.steps)]


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

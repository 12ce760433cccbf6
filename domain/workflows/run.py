"""The process `workflow_runs`: runs the declared steps of a workflow as tasks.

A task that was begun is undone by withdrawing it, so the end of a workflow cancels the tasks that have not
ended.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, assert_never

from domain.kernel import RecordedEvent
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
from domain.workflows.commands import CompleteStep, FailWorkflow, FinishWorkflow
from domain.workflows.events import (
    PlannedStep,
    WorkflowCancelled,
    WorkflowFailed,
    WorkflowFinished,
    WorkflowPlanned,
    WorkflowStepCompleted,
)
from domain.workflows.plan import ready_steps
from domain.workflows.run_events import RunBegun, StepAttemptFailed, StepBegun, StepEnded

RunTrigger = (
    WorkflowPlanned
    | WorkflowStepCompleted
    | WorkflowFinished
    | WorkflowFailed
    | WorkflowCancelled
    | TaskCompleted
    | TaskFailed
    | TaskCancelled
    | CommandRefused
    | DeadlineReached
)
RunEvent = RunBegun | StepBegun | StepAttemptFailed | StepEnded

BEGIN = "begin "
COMPLETE = "complete "
_TASK = re.compile(r"task-step\.(.+)\.\d+\.\d+")


@dataclass(frozen=True, slots=True)
class Attempt:
    """The attempt at a step that is under way, and how many have begun."""

    task_id: str
    number: int


@dataclass(frozen=True, slots=True)
class WorkflowRun(Process[RunTrigger, RunEvent]):
    """Runs the declared steps of one workflow: in parallel where they do not depend on each other.

    `attempts` are by the name of the step, `ended` are the names of the completed steps.
    """

    category: ClassVar[str] = "run"
    starts_at: ClassVar[StartAt] = StartAt.BEGINNING

    workflow_id: str = ""
    steps: tuple[PlannedStep, ...] = ()
    attempts: Mapping[str, Attempt] = field(default_factory=dict)
    ended: frozenset[str] = frozenset()

    @classmethod
    def key(cls, event: RecordedEvent) -> str | None:
        match event.payload:
            case WorkflowPlanned():
                return event.stream.partition("-")[2]
            case WorkflowStepCompleted() | WorkflowFinished() | WorkflowFailed() | WorkflowCancelled():
                return event.stream.partition("-")[2] if event.payload.is_planned else None
        task = _TASK.fullmatch(event.stream)
        return task and task[1]

    def react(self, trigger: RunTrigger, facts: ProcessFacts) -> Reaction:
        match trigger:
            case WorkflowPlanned(steps=steps) if facts.event:
                begun = RunBegun(workflow_id=facts.event.stream, steps=steps)
                return [begun, *self.evolve(begun)._begin_ready(facts)]
            case WorkflowStepCompleted(name=name):
                return self._end_step(name, facts)
            case WorkflowFinished() | WorkflowFailed() | WorkflowCancelled():
                return self._end(trigger)
            case TaskCompleted() | TaskFailed() | TaskCancelled() if facts.event:
                return self._task_ended(trigger, facts.event.stream, facts)
            case DeadlineReached(name=name):
                return self._time_is_over(name, facts)
            case CommandRefused(name=name, message=message) if name.startswith(BEGIN):
                return [self._fail(f"the step {name.removeprefix(BEGIN)!r} could not begin: {message}")]
        return []

    def evolve(self, event: RunEvent) -> WorkflowRun:
        match event:
            case RunBegun():
                return replace(self, workflow_id=event.workflow_id, steps=tuple(event.steps))
            case StepBegun():
                attempt = Attempt(event.task_id, event.attempt)
                return replace(self, attempts={**self.attempts, event.name: attempt})
            case StepAttemptFailed():
                return self
            case StepEnded():
                return replace(self, ended=self.ended | {event.name})
            case _:
                assert_never(event)

    def _begin_ready(self, facts: ProcessFacts) -> Reaction:
        """Begin each step that can begin and was not begun."""
        for step in ready_steps(self.steps, self.ended):
            if step.name not in self.attempts:
                yield from self._begin(step, 1, facts)

    def _begin(self, step: PlannedStep, attempt: int, facts: ProcessFacts) -> Reaction:
        task = f"task-step.{facts.key}.{self.steps.index(step)}.{attempt}"
        yield StepBegun(workflow_id=self.workflow_id, name=step.name, task_id=task, attempt=attempt)
        if step.time_limit is not None:
            yield SetDeadline(step.name, facts.now + step.time_limit)
        yield Dispatch(
            CreateTask(
                id=task,
                title=step.name,
                description=step.description,
                workflow_id=self.workflow_id,
                agent_id=step.agent_id,
            ),
            f"{BEGIN}{step.name}",
            compensation=WithdrawTask(id=task, reason=f"{self.workflow_id} has ended"),
        )

    def _task_ended(
        self, trigger: TaskCompleted | TaskFailed | TaskCancelled, task: str, facts: ProcessFacts
    ) -> Reaction:
        step = self._step_of(task)
        if step is None:
            return
        match trigger:
            case TaskCompleted():
                complete = CompleteStep(id=self.workflow_id, name=step.name, task_id=task)
                yield Dispatch(complete, f"{COMPLETE}{step.name}")
            case TaskFailed(error=error):
                yield from self._attempt_failed(step, task, error, facts)
            case TaskCancelled():
                yield from self._attempt_failed(step, task, "its task was cancelled", facts)

    def _time_is_over(self, name: str, facts: ProcessFacts) -> Reaction:
        step = next(step for step in self.steps if step.name == name)
        task = self.attempts[name].task_id
        yield from self._attempt_failed(step, task, f"it took longer than {step.time_limit}", facts)
        yield Dispatch(WithdrawTask(id=task, reason="its time is over"), f"withdraw {task}")

    def _attempt_failed(self, step: PlannedStep, task: str, error: str, facts: ProcessFacts) -> Reaction:
        """Begin the next attempt, or fail the workflow after the last one."""
        number = self.attempts[step.name].number
        yield StepAttemptFailed(workflow_id=self.workflow_id, name=step.name, task_id=task, error=error)
        if number < step.max_attempts:
            yield from self._begin(step, number + 1, facts)
        else:
            yield CancelDeadline(step.name)
            yield self._fail(f"the step {step.name!r} has failed in attempt {number}: {error}")

    def _end_step(self, name: str, facts: ProcessFacts) -> Reaction:
        """Begin the steps that waited for this one, or finish the workflow after the last one."""
        ended = StepEnded(workflow_id=self.workflow_id, name=name)
        after = self.evolve(ended)
        yield ended
        yield CancelDeadline(name)
        if len(after.ended) == len(after.steps):
            yield Dispatch(FinishWorkflow(id=self.workflow_id), "finish")
        else:
            yield from after._begin_ready(facts)

    def _end(self, trigger: WorkflowFinished | WorkflowFailed | WorkflowCancelled) -> Reaction:
        """End with the workflow, and withdraw the tasks that have not ended."""
        match trigger:
            case WorkflowFinished() if len(self.ended) == len(self.steps):
                yield Complete()
            case WorkflowFinished():
                yield Compensate("the workflow was finished without all of its steps")
            case WorkflowFailed(error=error):
                yield Compensate(error)
            case WorkflowCancelled(reason=reason):
                yield Compensate(f"the workflow was cancelled{f': {reason}' if reason else ''}")

    def _fail(self, error: str) -> Dispatch:
        return Dispatch(FailWorkflow(id=self.workflow_id, error=error), "fail")

    def _step_of(self, task: str) -> PlannedStep | None:
        """Return the step whose attempt under way this task is; None for an earlier attempt."""
        for step in self.steps:
            attempt = self.attempts.get(step.name)
            if attempt is not None and attempt.task_id == task and step.name not in self.ended:
                return step
        return None


context = process_context("workflow_runs", WorkflowRun)

"""Plans a process log as commands: a case is a workflow, an activity a task, a resource an agent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from api.fleet.activity import Activity
from api.fleet.log_ids import command_id, stream_id
from api.fleet.task_ids import TaskIds
from api.transfer.rows import ImportStep, PlannedRow
from domain.agents.commands import RegisterAgent
from domain.kernel import Command, Envelope, Scope
from domain.tasks.commands import AssignTask, CancelTask, CompleteTask, CreateTask, FailTask, StartTask
from domain.workflows.commands import CompleteStep, FinishWorkflow, StartWorkflow


class ProcessPlan:
    """The commands for the activities of one log, in the order of their times.

    An activity of which the log has only the completion becomes a task that is assigned and completed but
    not started, because its duration is unknown. A case ends at its ``case:enddate``, after its activities.
    """

    def __init__(self, activities: Iterable[Activity], scope: Scope, source: str) -> None:
        self._activities = sorted(activities, key=lambda activity: activity.time)
        self._scope = scope
        self._source = source
        self._task_ids = TaskIds(self._activities)
        self._last = {activity.case: activity for activity in self._activities}
        self._seen: set[str] = set()
        self._agents: dict[str, str | None] = {}
        self._started: set[str] = set()

    def rows(self) -> Iterator[PlannedRow]:
        """Yield the commands of each activity. Call it once."""
        for activity in self._activities:
            steps = [*self._case(activity), *self._agent(activity), *self._task(activity)]
            if activity is self._last[activity.case]:
                steps += self._end(activity)
            yield PlannedRow(activity.line, tuple(steps))

    def _case(self, activity: Activity) -> Iterator[ImportStep]:
        workflow = _workflow(activity)
        if self._is_new(workflow):
            start = StartWorkflow(id=workflow, name=activity.case)
            yield self._step(activity, start, activity.case_start, allow_existing=True)

    def _end(self, activity: Activity) -> Iterator[ImportStep]:
        if activity.case_end is not None:
            yield self._step(activity, FinishWorkflow(id=_workflow(activity)), activity.case_end)

    def _agent(self, activity: Activity) -> Iterator[ImportStep]:
        agent = _agent(activity)
        if self._is_new(agent):
            yield self._step(activity, RegisterAgent(id=agent, name=activity.resource), allow_existing=True)

    def _task(self, activity: Activity) -> Iterator[ImportStep]:
        task = self._task_ids.task_of(activity)
        match activity.transition:
            case "schedule":
                yield from self._created(activity, task, None)
            case "assign":
                yield from self._assigned(activity, task)
            case "start":
                yield from self._assigned(activity, task)
                self._started.add(task)
                yield self._step(activity, StartTask(id=task), key=task)
            case "complete":
                yield from self._assigned(activity, task)
                yield self._step(activity, CompleteTask(id=task), key=task)
                step = CompleteStep(id=_workflow(activity), name=activity.name, task_id=task)
                yield self._step(activity, step, key=task)
            case "withdraw":
                yield from self._created(activity, task, _agent(activity))
                yield self._step(activity, CancelTask(id=task), key=task)
            case abort:
                yield from self._assigned(activity, task)
                yield self._step(activity, FailTask(id=task, error=abort), key=task)

    def _created(self, activity: Activity, task: str, agent: str | None) -> Iterator[ImportStep]:
        if self._is_new(task):
            self._agents[task] = agent
            create = CreateTask(id=task, title=activity.name, workflow_id=_workflow(activity), agent_id=agent)
            yield self._step(activity, create)

    def _assigned(self, activity: Activity, task: str) -> Iterator[ImportStep]:
        agent = _agent(activity)
        yield from self._created(activity, task, agent)
        if self._agents[task] != agent and task not in self._started:
            self._agents[task] = agent
            yield self._step(activity, AssignTask(id=task, agent_id=agent), key=agent)

    def _is_new(self, stream: str) -> bool:
        new = stream not in self._seen
        self._seen.add(stream)
        return new

    def _step(
        self,
        activity: Activity,
        command: Command,
        occurred: datetime | None = None,
        *,
        key: str | None = None,
        allow_existing: bool = False,
    ) -> ImportStep:
        """Return the command with its id: one for each stream or, with a `key`, for each key and time."""
        name, stream = type(command).__name__, str(command.target)
        parts = (name, stream) if key is None else (name, stream, key, activity.time.isoformat())
        envelope = Envelope(
            command,
            self._scope,
            command_id=command_id(*parts),
            correlation=_workflow(activity),
            source=self._source,
            occurred=occurred or activity.time,
        )
        return ImportStep(envelope, allow_existing, derived_id=True)


def _workflow(activity: Activity) -> str:
    return stream_id("workflow", activity.case)


def _agent(activity: Activity) -> str:
    return stream_id("agent", activity.resource)

"""Plans a process log as commands: a case is a workflow, an activity a task, a resource an agent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from api.fleet.activity import CASE_PREFIX, RESOURCE, LoggedActivity
from api.fleet.activity_store import Activities
from api.fleet.lifecycle import ABORTS, SKIPS
from api.fleet.log_ids import CaseIds, derive_command_id, stream_id
from api.fleet.scratch_database import DiskMap
from api.fleet.task_ids import TaskId, TaskIds
from api.transfer.rows import ImportStep, PlannedRow, RefusedRow, describe_error
from domain.agents.commands import RegisterAgent
from domain.kernel import Command, Envelope, Scope
from domain.kernel.errors import UnfitValue
from domain.kernel.fields import to_moment
from domain.tasks.commands import (
    AssignTask,
    CancelTask,
    CompleteTask,
    CreateTask,
    FailTask,
    ReportTaskState,
    StartTask,
)
from domain.workflows.commands import CompleteStep, FinishWorkflow, StartWorkflow


class ProcessPlan:
    """The commands for the activities of one log, in the order of their times.

    An activity of which the log has only the completion becomes a task that is assigned and completed but
    not started, because its duration is unknown. A case ends at its ``case:enddate``, after its activities.
    `stored_tasks` are the tasks that activities are stored for already, by their place in that order.
    """

    def __init__(
        self,
        activities: Activities,
        scope: Scope,
        source: str,
        ids: CaseIds | None = None,
        stored_tasks: DiskMap[str] | None = None,
    ) -> None:
        self._activities = activities
        self._scope = scope
        self._source = source
        self._ids = ids or CaseIds()
        self._task_ids = TaskIds(activities, self._ids, stored_tasks)
        self._planned = activities.database.create_set()
        """The streams that have a command already."""
        self._agents: DiskMap[str | None] = activities.database.create_map()
        """The agents of the planned tasks."""
        self._started = activities.database.create_set()
        self._case_attributes: DiskMap[Mapping[str, Any]] = activities.database.create_map()
        """The attributes that a case was started with."""
        self._reports: DiskMap[int] = activities.database.create_map()
        """How often a state was reported of a task at one time."""

    def rows(self) -> Iterator[PlannedRow | RefusedRow]:
        """Yield the commands of each activity. Call it once."""
        for activity, case_begin, is_last in self._activities:
            try:
                steps = [
                    *self._case(activity, case_begin),
                    *self._agent(activity),
                    *self._task(activity),
                ]
                if is_last:
                    steps += self._end(activity)
            except (ValidationError, UnfitValue) as error:
                yield RefusedRow(activity.line, describe_error(error))
            else:
                yield PlannedRow(activity.line, tuple(steps))

    def _case(self, activity: LoggedActivity, case_begin: datetime) -> Iterator[ImportStep]:
        workflow = self._ids.workflow(activity.case)
        if self._planned.add(workflow):
            attributes = dict(activity.case_attributes) or None
            if attributes is not None:
                self._case_attributes[activity.case] = attributes
            start = StartWorkflow(id=workflow, name=activity.case, attributes=attributes)
            begin = activity.case_start or case_begin
            yield self._step(activity, start, begin, allow_existing=True)

    def _end(self, activity: LoggedActivity) -> Iterator[ImportStep]:
        if activity.case_end is not None:
            yield self._step(
                activity, FinishWorkflow(id=self._ids.workflow(activity.case)), activity.case_end
            )

    def _agent(self, activity: LoggedActivity) -> Iterator[ImportStep]:
        agent = _agent(activity)
        if agent is not None and self._planned.add(agent):
            register = RegisterAgent(id=agent, name=str(activity.resource))
            yield self._step(activity, register, allow_existing=True)

    def _task(self, activity: LoggedActivity) -> Iterator[ImportStep]:
        task = self._task_ids.task_of(activity)
        transition = activity.transition
        match transition:
            case "schedule":
                yield from self._created(activity, task, None)
            case "assign" | "reassign":
                yield from self._assigned(activity, task)
            case "start":
                yield from self._begun(activity, task)
            case "complete":
                yield from self._completed(activity, task)
                return
            case "withdraw":
                yield from self._created(activity, task, _agent(activity))
                yield self._task_step(activity, task, CancelTask(id=task.stream))
            case skip if skip in SKIPS:
                yield from self._created(activity, task, _agent(activity))
                yield self._task_step(activity, task, CancelTask(id=task.stream, reason=skip))
            case abort if abort in ABORTS:
                yield from self._assigned(activity, task)
                unknown = self._agents.get(task.stream) is None
                fail = FailTask(id=task.stream, error=abort, agent_unknown=unknown)
                yield self._task_step(activity, task, fail)
            case _:
                yield from self._assigned(activity, task)
                yield self._reported(activity, task, self._attributes(activity, task))
                return
        attributes = self._attributes(activity, task)
        if attributes or transition in SKIPS:
            yield self._reported(activity, task, attributes)

    def _begun(self, activity: LoggedActivity, task: TaskId) -> Iterator[ImportStep]:
        yield from self._assigned(activity, task, activity.begin)
        self._started.add(task.stream)
        unknown = self._agents.get(task.stream) is None
        start = StartTask(id=task.stream, agent_unknown=unknown)
        yield self._task_step(activity, task, start, activity.begin)

    def _completed(self, activity: LoggedActivity, task: TaskId) -> Iterator[ImportStep]:
        if activity.start is not None:
            yield from self._begun(activity, task)
        else:
            yield from self._assigned(activity, task)
        agent = self._agents.get(task.stream)
        complete = CompleteTask(
            id=task.stream, result=self._data(activity, agent), agent_unknown=agent is None
        )
        yield self._task_step(activity, task, complete)
        workflow = self._ids.workflow(activity.case)
        step = CompleteStep(id=workflow, name=activity.name, task_id=task.stream)
        yield self._step(activity, step, key=task.stream)

    def _attributes(self, activity: LoggedActivity, task: TaskId) -> dict[str, Any] | None:
        agent = None if activity.resource is None else self._agents.get(task.stream)
        return self._data(activity, agent)

    def _data(self, activity: LoggedActivity, agent: str | None) -> dict[str, Any] | None:
        """Return the data of an activity, with what is not that of its case and the `agent` of its task."""
        data = dict(activity.attributes)
        if activity.resource is not None and _agent(activity) != agent:
            data[RESOURCE] = activity.resource
        if activity.case_attributes:
            of_case = self._case_attributes.get(activity.case) or {}
            for name, value in activity.case_attributes.items():
                if name not in of_case or of_case[name] != value:
                    data[f"{CASE_PREFIX}{name}"] = value
        return data or None

    def _reported(
        self, activity: LoggedActivity, task: TaskId, attributes: dict[str, Any] | None
    ) -> ImportStep:
        report = ReportTaskState(id=task.stream, state=activity.transition, attributes=attributes)
        key = f"{activity.transition} {activity.time.isoformat()}"
        if activity.event_id is None:
            # A row that occurs again is another event: it may say the same, or have other attributes.
            count = (self._reports.get((task.stream, key)) or 0) + 1
            self._reports[task.stream, key] = count
            key = key if count == 1 else f"{key} {count}"
        return self._step(activity, report, key=key, own_id=task.is_named)

    def _created(
        self, activity: LoggedActivity, task: TaskId, agent: str | None, occurred: datetime | None = None
    ) -> Iterator[ImportStep]:
        if self._planned.add(task.stream):
            self._agents[task.stream] = agent
            create = CreateTask(
                id=task.stream,
                title=activity.name,
                workflow_id=self._ids.workflow(activity.case),
                agent_id=agent,
            )
            yield self._step(activity, create, occurred, own_id=task.is_named)

    def _assigned(
        self, activity: LoggedActivity, task: TaskId, occurred: datetime | None = None
    ) -> Iterator[ImportStep]:
        agent = _agent(activity)
        yield from self._created(activity, task, agent, occurred)
        if agent is not None and self._agents.get(task.stream) != agent and task.stream not in self._started:
            self._agents[task.stream] = agent
            assign = AssignTask(id=task.stream, agent_id=agent)
            yield self._step(activity, assign, occurred, key=agent, own_id=task.is_named)

    def _task_step(
        self, activity: LoggedActivity, task: TaskId, command: Command, occurred: datetime | None = None
    ) -> ImportStep:
        return self._step(activity, command, occurred, key=task.stream, own_id=task.is_named)

    def _step(
        self,
        activity: LoggedActivity,
        command: Command,
        occurred: datetime | None = None,
        *,
        key: str | None = None,
        allow_existing: bool = False,
        own_id: bool = False,
    ) -> ImportStep:
        """Return the command with its id: one for each stream or, with a `key`, for each key and time.

        The content of a command that creates a task with an id of the log's own is compared, too.
        """
        name, stream = type(command).__name__, str(command.target)
        moment = to_moment(occurred or activity.time)
        parts = (name, stream) if key is None else (name, stream, key, moment.isoformat())
        envelope = Envelope(
            command,
            self._scope,
            command_id=derive_command_id(*parts),
            correlation=self._ids.workflow(activity.case),
            source=self._source,
            occurred=moment,
        )
        derived_id = not (own_id and command.creates)
        return ImportStep(envelope, allow_existing, derived_id=derived_id, own_id=own_id)


def _agent(activity: LoggedActivity) -> str | None:
    return None if activity.resource is None else stream_id("agent", activity.resource)

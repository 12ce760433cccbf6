"""Assigns the events of a process log to tasks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from api.fleet.activity import LoggedActivity
from api.fleet.activity_store import Activities
from api.fleet.lifecycle import STAGES
from api.fleet.log_ids import CaseIds, content_digest
from api.fleet.scratch_database import DiskMap

_ENDED = 3
_STARTED = 2


Owner = tuple[str, str, str | None]
"""The case, the activity and the instance that a task is for."""


class TaskId(NamedTuple):
    """The task of an event. It `is_named` if the log itself names it, and not its content."""

    stream: str
    is_named: bool


class TaskIds:
    """Task ids, the same for each run over the log, and over a longer log of the same cases.

    ``concept:instance`` is the task if the whole log uses it for one activity of one case only. If it does
    not, the task is named by case, activity and instance. Without an instance it is named by the content of
    its first event, and by how often that has occurred. An event without instance belongs to the oldest open
    task of its name in its case that has not reached the event's stage, else to a new one.

    `stored` are the tasks that events are stored for already, by their place in the order of times.
    """

    def __init__(self, activities: Activities, ids: CaseIds, stored: DiskMap[str] | None = None) -> None:
        create_map = activities.database.create_map
        self._ids = ids
        self._stored = stored
        self._stored_instances: DiskMap[str] = create_map()
        self._ambiguous = activities.database.create_set()
        self._occurrences: DiskMap[int] = create_map()
        self._open: DiskMap[dict[str, int]] = create_map()
        """The stages of the open tasks of each activity of a case, oldest first."""
        self._place = -1
        self._look_at_instances(activities)

    def _look_at_instances(self, activities: Activities) -> None:
        """Find the instances that are used for several tasks, and the tasks of those that are stored."""
        owners: DiskMap[list[str | None]] = activities.database.create_map()
        for place, (activity, *_) in enumerate(activities):
            if activity.instance is None:
                continue
            owner, task = _owner(activity), self._ids.task(activity.case, activity.instance)
            first = owners.get(task)
            if first is None:
                owners[task] = list(owner)
            elif first != list(owner):
                self._ambiguous.add(task)
            if self._stored is not None and (stored := self._stored.get(place)) is not None:
                self._stored_instances[owner] = stored

    def is_ambiguous(self, activity: LoggedActivity) -> bool:
        """Return whether the log does not name the task of the activity, or uses its name for several."""
        if activity.instance is None:
            return True
        return self._ids.task(activity.case, activity.instance) in self._ambiguous

    def task_of(self, activity: LoggedActivity) -> TaskId:
        """Return the task of the activity. Call it once for each activity, in the order of their times."""
        self._place += 1
        if activity.instance is None:
            stored = self._stored.get(self._place) if self._stored is not None else None
            return TaskId(self._match(activity, stored), is_named=activity.event_id is not None)
        if not self.is_ambiguous(activity):
            return TaskId(self._ids.task(activity.case, activity.instance), is_named=True)
        task = self._stored_instances.get(_owner(activity))
        digest = content_digest(activity.case, activity.name, activity.instance)
        return TaskId(task or self._ids.task(activity.case, f"{activity.case}.{digest}"), is_named=False)

    def _match(self, activity: LoggedActivity, stored: str | None) -> str:
        stages = self._open.get((activity.case, activity.name)) or {}
        task = stored or _open_task(activity, stages) or self._new(activity)
        stages[task] = STAGES.get(activity.transition, stages.get(task, 0))
        if stages[task] == _ENDED:
            del stages[task]
        self._open[activity.case, activity.name] = stages
        return task

    def _new(self, activity: LoggedActivity) -> str:
        """Return the id of a task that begins with this event."""
        digest = content_digest(activity.case, *_content(activity))
        if activity.event_id is None:
            occurrence = (self._occurrences.get(digest) or 0) + 1
            self._occurrences[digest] = occurrence
            digest = content_digest(digest, str(occurrence))
        return self._ids.task(activity.case, f"{activity.case}.{digest}")


def _open_task(activity: LoggedActivity, stages: Mapping[str, int]) -> str | None:
    """Return the open task that an event without instance belongs to; None if it begins a new one."""
    stage = STAGES.get(activity.transition)
    if stage is None:
        return next(
            (task for task, reached in stages.items() if reached == _STARTED), next(iter(stages), None)
        )
    is_repeatable = activity.transition == "reassign"
    # An event that has begin and end completes no task that another event has started.
    limit = _STARTED if is_repeatable or activity.start is not None else stage
    return next((task for task, reached in stages.items() if reached < limit), None)


def _owner(activity: LoggedActivity) -> Owner:
    return activity.case, activity.name, activity.instance


def _content(activity: LoggedActivity) -> tuple[str, ...]:
    """Return what distinguishes an event from others of its case: its own id, else its values."""
    if activity.event_id is not None:
        return ("id", activity.event_id)
    start = "" if activity.start is None else activity.start.isoformat()
    return activity.name, activity.transition, activity.resource or "", start, activity.time.isoformat()

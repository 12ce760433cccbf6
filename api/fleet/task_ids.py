"""Assigns the events of a process log to tasks."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from api.fleet.activity import Activity
from api.fleet.log_ids import stream_id

_STAGES = {"schedule": 0, "assign": 1, "start": 2}
_ENDED = 3


class TaskIds:
    """Task ids, the same for each run over the log.

    ``concept:instance`` is the task if the whole log uses it for one activity of one case only. If it does
    not, or if it is missing, a task is the n-th of its case: ``task-<case>.<n>``. An event without it belongs
    to the oldest open task of its name in its case that has not reached the event's stage, else to a new one.
    """

    def __init__(self, activities: Sequence[Activity]) -> None:
        owners: dict[str, tuple[str, str]] = {}
        self._ambiguous: set[str] = set()
        for activity in activities:
            owner = (activity.case, activity.name)
            if activity.instance and owners.setdefault(activity.instance, owner) != owner:
                self._ambiguous.add(activity.instance)
        self._counts: Counter[str] = Counter()
        self._numbered: dict[tuple[str, str, str], str] = {}
        self._open: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)

    def task_of(self, activity: Activity) -> str:
        """Return the task of the activity. Call it once for each activity, in the order of their times."""
        if activity.instance is None:
            return self._match(activity)
        if activity.instance not in self._ambiguous:
            return stream_id("task", activity.instance)
        key = (activity.case, activity.name, activity.instance)
        if key not in self._numbered:
            self._numbered[key] = self._next(activity.case)
        return self._numbered[key]

    def _match(self, activity: Activity) -> str:
        stage = _STAGES.get(activity.transition, _ENDED)
        stages = self._open[activity.case, activity.name]
        task = next((name for name, reached in stages.items() if reached < stage), None)
        if task is None:
            task = self._next(activity.case)
        stages[task] = stage
        if stage == _ENDED:
            del stages[task]
        return task

    def _next(self, case: str) -> str:
        self._counts[case] += 1
        return stream_id("task", f"{case}.{self._counts[case]}")

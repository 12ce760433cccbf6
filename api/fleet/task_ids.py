"""Which task an event of a process log is about."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from api.fleet.activity import Activity
from api.fleet.log_ids import stream_id

_STAGES = {"schedule": 0, "assign": 1, "start": 2}
_OVER = 3


class TaskIds:
    """Task ids, the same each time the log is read.

    ``concept:instance`` is the task where it stands for one activity of one case in the whole log. Where it
    does not, or is missing, a task is the n-th of its case: ``task-<case>.<n>``. Events without it are paired
    as they come: each goes to the oldest open task of its name in its case that has not come so far, else to
    a new one.
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
        """The task of the activity; to be asked once for each, in the order of their times."""
        if activity.instance is None:
            return self._paired(activity)
        if activity.instance not in self._ambiguous:
            return stream_id("task", activity.instance)
        key = (activity.case, activity.name, activity.instance)
        if key not in self._numbered:
            self._numbered[key] = self._next(activity.case)
        return self._numbered[key]

    def _paired(self, activity: Activity) -> str:
        stage = _STAGES.get(activity.transition, _OVER)
        stages = self._open[activity.case, activity.name]
        task = next((each for each, reached in stages.items() if reached < stage), None)
        if task is None:
            task = self._next(activity.case)
        stages[task] = stage
        if stage == _OVER:
            del stages[task]
        return task

    def _next(self, case: str) -> str:
        self._counts[case] += 1
        return stream_id("task", f"{case}.{self._counts[case]}")

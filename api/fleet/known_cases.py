"""Finds what of a process log is stored already, where its ids alone do not say so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple, TypeVar

from api.fleet.activity_store import ActivitiesOfCases, ActivityStore
from api.fleet.lifecycle import ABORTS, SKIPS
from api.fleet.log_ids import CaseIds, derive_command_id, stream_id
from api.fleet.plan import ProcessPlan
from api.fleet.scratch_database import DiskMap, DiskSet
from api.fleet.task_ids import TaskIds
from api.transfer.import_options import StoredCommands
from api.transfer.rows import PlannedRow
from domain.kernel import Scope
from domain.kernel.fields import to_moment
from domain.workflows.commands import FinishWorkflow

T = TypeVar("T")

PAGE = 2_000
"""Command ids that are looked up together."""

MAX_NUMBERED = 30
"""Tasks of a case that an earlier version of nerve may have numbered, and that are looked for."""

_COMMANDS = {
    "complete": "CompleteTask",
    "start": "StartTask",
    "withdraw": "CancelTask",
    **dict.fromkeys(SKIPS, "CancelTask"),
    **dict.fromkeys(ABORTS, "FailTask"),
}
"""The commands whose ids have the time of the event, by transition."""


class KnownCases(NamedTuple):
    """The ids that a log's cases get, and the tasks that its events are stored for already, by place."""

    ids: CaseIds
    stored_tasks: DiskMap[str]


async def find_known_cases(
    activities: ActivityStore, source: str, is_named: bool, stored: StoredCommands
) -> KnownCases:
    """Return the ids for the cases of a log.

    With a source that the user named, all ids begin with it. Else a case is the stored one of the same name,
    if that came from a file of the same name, or if both have an event in common. If not, its ids begin with
    the source: it is another case with the same number.
    """
    ids = CaseIds(source, None if is_named else frozenset())
    search = _StoredEventSearch(activities, ids, stored)
    await search.find_cases(source)
    await search.find_tasks()
    if is_named:
        return KnownCases(ids, search.tasks)
    await search.find_common_events()
    return KnownCases(CaseIds(source, search.separate_cases()), search.tasks)


def import_source(source: str) -> str:
    """Return what is stored with events as their source."""
    return f"import:{source}"


class _TaskCandidate(NamedTuple):
    """A task that the activity at a place may be stored for, if this command is."""

    command_id: str
    place: int
    case: str
    task: str


class _StoredEventSearch:
    """Looks up in pages which cases and events of a log are stored, under the ids that it would get."""

    def __init__(self, activities: ActivityStore, ids: CaseIds, stored: StoredCommands) -> None:
        database = activities.database
        self._activities = activities
        self._ids = ids
        self._stored = stored
        self._cases = database.create_set()
        self._numbered: DiskMap[int] = database.create_map()
        """How many tasks may be numbered in a case, where the first one is stored."""
        self._resolved = database.create_set()
        """The command ids that belong to an event already."""
        self._foreign: DiskSet = database.create_set()
        """The stored cases that came from another source."""
        self._common: DiskSet = database.create_set()
        """The stored cases that have an event in common with the log."""
        self.tasks: DiskMap[str] = database.create_map()
        """The tasks that events are stored for under other ids than they get now, by place."""

    async def find_cases(self, source: str) -> None:
        """Find the cases that are stored, and those of them that came from another source."""
        for page in _pages(self._activities.cases()):
            sizes = dict(page)
            workflows = {derive_command_id("StartWorkflow", self._ids.workflow(case)): case for case in sizes}
            stored = {workflows[key]: command for key, command in (await self._stored(workflows)).items()}
            for case, command in stored.items():
                self._cases.add(case)
                if command.source != import_source(source):
                    self._foreign.add(case)
            if stored:
                await self._find_numbered({case: sizes[case] for case in stored})

    async def _find_numbered(self, sizes: Mapping[str, int]) -> None:
        firsts = {derive_command_id("CreateTask", stream_id("task", f"{case}.1")): case for case in sizes}
        for command_id in await self._stored(firsts):
            case = firsts[command_id]
            self._numbered[case] = min(sizes[case], MAX_NUMBERED)

    async def find_tasks(self) -> None:
        """Find the tasks that activities are stored for under other ids than they get now.

        An instance that a shorter log used for one task may be ambiguous now. Earlier versions of nerve
        numbered tasks without an instance within their case.
        """
        if self._cases:
            for page in _pages(self._task_candidates()):
                await self._find_owners(page)

    def _task_candidates(self) -> Iterator[_TaskCandidate]:
        """Yield the tasks that each activity may be stored for."""
        task_ids = TaskIds(self._activities, self._ids)
        for place, (activity, *_) in enumerate(self._activities):
            command = _COMMANDS.get(activity.transition)
            if command is None or activity.case not in self._cases or not task_ids.is_ambiguous(activity):
                continue
            count = self._numbered.get(activity.case) or 0
            tasks = [stream_id("task", f"{activity.case}.{number}") for number in range(1, count + 1)]
            if activity.instance is not None:
                tasks.append(self._ids.task(activity.case, activity.instance))
            moment = to_moment(activity.time).isoformat()
            for task in tasks:
                command_id = derive_command_id(command, task, task, moment)
                yield _TaskCandidate(command_id, place, activity.case, task)

    async def _find_owners(self, page: Iterable[_TaskCandidate]) -> None:
        """Give each stored command to the first activity that it may be of."""
        candidates: dict[str, list[_TaskCandidate]] = defaultdict(list)
        for candidate in page:
            candidates[candidate.command_id].append(candidate)
        for command_id, command in (await self._stored(candidates)).items():
            for _, place, case, task in candidates[command_id]:
                is_of_case = command.receipt.correlation == self._ids.workflow(case)
                if is_of_case and self.tasks.get(place) is None and self._resolved.add(command_id):
                    self.tasks[place] = task
                    self._common.add(case)
                    break

    def separate_cases(self) -> DiskSet:
        """Return the stored cases from another source that have no event in common with the log so far."""
        separate = self._activities.database.create_set()
        for case in self._foreign:
            if case not in self._common:
                separate.add(case)
        return separate

    async def find_common_events(self) -> None:
        """Find the cases from another source that have an event whose commands are stored."""
        if cases := self.separate_cases():
            for page in _pages(self._content_ids(cases)):
                owners = dict(page)
                for command_id in await self._stored(owners):
                    self._common.add(owners[command_id])

    def _content_ids(self, cases: DiskSet) -> Iterator[tuple[str, str]]:
        """Yield the ids of the commands that only an equal event of these cases has, with the case."""
        activities = ActivitiesOfCases(self._activities, cases)
        plan = ProcessPlan(activities, Scope(), "")
        for (activity, *_), row in zip(activities, plan.rows(), strict=True):
            if isinstance(row, PlannedRow) and activity.case not in self._common:
                yield from ((command_id, activity.case) for command_id in _ids_of_content(row))


def _pages(values: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(values)
    while page := list(islice(iterator, PAGE)):
        yield page


def _ids_of_content(row: PlannedRow) -> Iterator[str]:
    """Yield the ids of the commands that only an equal event has."""
    for step in row.steps:
        command = step.envelope.command
        is_named = step.own_id and command.creates
        if not (step.allow_existing or is_named or isinstance(command, FinishWorkflow)):
            yield str(step.envelope.command_id)

"""Finds what of a process log is stored already, where its ids alone do not say so."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from api.fleet.activity import Activity
from api.fleet.lifecycle import ABORTS, SKIPS
from api.fleet.log_ids import CaseIds, derive_command_id, stream_id
from api.fleet.plan import ProcessPlan
from api.fleet.task_ids import TaskIds
from api.transfer.import_options import StoredCommands
from api.transfer.rows import PlannedRow
from domain.dispatch.ports import StoredCommand
from domain.kernel import Scope
from domain.kernel.fields import to_moment
from domain.workflows.commands import FinishWorkflow

PAGE = 2_000
"""Command ids that are looked up together."""

MOST_NUMBERED = 30
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
    stored_tasks: Mapping[int, str]


async def find_known_cases(
    activities: Sequence[Activity], source: str, is_named: bool, stored: StoredCommands
) -> KnownCases:
    """Return the ids for the cases of a log, whose activities are in the order of their times.

    With a source that the user named, all ids begin with it. Else a case is the stored one of the same name,
    if that came from a file of the same name, or if both have an event in common. If not, its ids begin with
    the source: it is another case with the same number.
    """
    ids = CaseIds(source, None if is_named else frozenset())
    started = {
        derive_command_id("StartWorkflow", ids.workflow(case)): case for case in {a.case for a in activities}
    }
    commands = await _look_up(started, stored)
    cases = {started[command_id]: command for command_id, command in commands.items()}
    tasks = await _stored_tasks(activities, ids, cases, stored)
    if is_named:
        return KnownCases(ids, tasks)
    foreign = {case for case, command in cases.items() if command.source != import_source(source)}
    common = {activities[place].case for place in tasks}
    common |= await _with_common_events(activities, foreign - common, stored)
    separate = frozenset(foreign - common)
    tasks = {place: task for place, task in tasks.items() if activities[place].case not in separate}
    return KnownCases(CaseIds(source, separate), tasks)


def import_source(source: str) -> str:
    """Return what is stored with events as their source."""
    return f"import:{source}"


async def _look_up(ids: Collection[str], stored: StoredCommands) -> dict[str, StoredCommand]:
    remaining, commands = iter(ids), dict[str, StoredCommand]()
    while page := list(islice(remaining, PAGE)):
        commands.update(await stored(page))
    return commands


async def _with_common_events(
    activities: Sequence[Activity], cases: Collection[str], stored: StoredCommands
) -> set[str]:
    """Return those of the cases that have an event whose commands are stored."""
    plan = ProcessPlan((a for a in activities if a.case in cases), Scope(), "")
    owners = {}
    for activity, row in zip(plan.activities, plan.rows(), strict=True):
        if isinstance(row, PlannedRow):
            owners.update(dict.fromkeys(_ids_of_content(row), activity.case))
    return {owners[command_id] for command_id in await _look_up(owners, stored)}


def _ids_of_content(row: PlannedRow) -> Iterator[str]:
    """Yield the ids of the commands that only an equal event has."""
    for step in row.steps:
        command = step.envelope.command
        is_named = step.own_id and command.creates
        if not (step.allow_existing or is_named or isinstance(command, FinishWorkflow)):
            yield str(step.envelope.command_id)


async def _stored_tasks(
    activities: Sequence[Activity], ids: CaseIds, cases: Collection[str], stored: StoredCommands
) -> dict[int, str]:
    """Return the tasks that activities are stored for under other ids than they get now, by place.

    An instance that a shorter log used for one task may be ambiguous now. Earlier versions of nerve numbered
    tasks without an instance within their case.
    """
    places = [place for place, activity in enumerate(activities) if activity.case in cases]
    task_ids = TaskIds(activities, ids)
    candidates = await _numbered_tasks([activities[place] for place in places], stored)
    owners: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for place in places:
        activity = activities[place]
        command = _COMMANDS.get(activity.transition)
        if command is None or not task_ids.is_ambiguous(activity):
            continue
        tasks = list(candidates.get(activity.case, ()))
        if activity.instance is not None:
            tasks.append(ids.task(activity.case, activity.instance))
        for task in tasks:
            moment = to_moment(activity.time).isoformat()
            owners[derive_command_id(command, task, task, moment)].append((place, task))
    stored_tasks: dict[int, str] = {}
    for command_id, stored_command in (await _look_up(owners, stored)).items():
        for place, task in owners[command_id]:
            workflow = ids.workflow(activities[place].case)
            if place not in stored_tasks and stored_command.receipt.correlation == workflow:
                stored_tasks[place] = task
                break
    return stored_tasks


async def _numbered_tasks(activities: Sequence[Activity], stored: StoredCommands) -> dict[str, list[str]]:
    """Return the numbered tasks that may be stored of each case, where the first one is."""
    counts = Counter(activity.case for activity in activities)
    firsts = {derive_command_id("CreateTask", stream_id("task", f"{case}.1")): case for case in counts}
    return {
        case: [
            stream_id("task", f"{case}.{number}") for number in range(1, min(counts[case], MOST_NUMBERED) + 1)
        ]
        for case in [firsts[command_id] for command_id in await _look_up(firsts, stored)]
    }

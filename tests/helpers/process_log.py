"""A process log as the commits that its import comes to, decided in memory: data of a real shape, fast."""

from __future__ import annotations

import csv
import os
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from api.fleet.activity import CASE, CASE_END, CASE_START, INSTANCE, NAME, RESOURCE, TIME, LoggedActivity
from api.fleet.activity_store import ActivityStore
from api.fleet.plan import ProcessPlan
from api.fleet.process_logs import read_activities
from api.transfer.rows import PlannedRow
from domain import agents, tasks, workflows
from domain.dispatch.ports import NewCommit
from domain.kernel import Aggregate, Catalog, Envelope, Facts, Scope
from domain.kernel.event import NewEvent

CATALOG = Catalog([agents.context, tasks.context, workflows.context])

LOG = "BENCH_PROCESS_LOG"
"""The environment variable that names a process log; without it one is made up."""

CASES, KINDS, RESOURCES = 1_434, 27, 48
LONGEST_CASE = 11
START = datetime(2010, 10, 2, 8, 0, 0, 250_000, UTC)


COLUMNS = (CASE, NAME, INSTANCE, RESOURCE, TIME, CASE_START, CASE_END)


def activities() -> Sequence[LoggedActivity]:
    """Those of the process log in the environment, or made up: cases that overlap and share resources."""
    if path := os.environ.get(LOG):
        return [row for row in read_activities(Path(path)) if isinstance(row, LoggedActivity)]
    return list(generated_activities(CASES))


def generated_activities(cases: int) -> Iterator[LoggedActivity]:
    """Activities case by case; the cases overlap in time and share resources."""
    dice = random.Random(9)
    for case in range(cases):
        yield from _case(dice, case)


def process_log_file(folder: Path) -> Path:
    """The process log in the environment, or a file of made-up activities in the folder."""
    if path := os.environ.get(LOG):
        return Path(path)
    return write_csv(folder / "process-log.csv", generated_activities(CASES))


def write_csv(path: Path, rows: Iterable[LoggedActivity]) -> Path:
    """Write completed activities as CSV, in their order."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for row in rows:
            times = (row.time, row.case_start, row.case_end)
            texts = ("" if time is None else time.isoformat() for time in times)
            writer.writerow((row.case, row.name, row.instance, row.resource, *texts))
    return path


def _case(dice: random.Random, case: int) -> Iterator[LoggedActivity]:
    start = START + timedelta(hours=8 * case)
    length = dice.randint(1, LONGEST_CASE)
    for number in range(length):
        yield LoggedActivity(
            line=0,
            case=f"case-{case}",
            name=f"T{dice.randrange(KINDS):02} Check the application",
            instance=f"task-{case}-{number}",
            # Few do much of the work, as in real logs.
            resource=f"Resource{int(RESOURCES * dice.random() ** 3):02}",
            transition="complete",
            time=start + timedelta(hours=dice.expovariate(1 / 20) * number, seconds=number),
            case_start=start,
            case_end=start + timedelta(days=60) if dice.random() < 0.5 else None,
        )


def stored_activities(found: Iterable[LoggedActivity]) -> ActivityStore:
    """The activities as an import reads them."""
    store = ActivityStore()
    for activity in found:
        store.add(activity)
    store.sort()
    return store


def commits(found: Sequence[LoggedActivity], tenant: str = "default") -> Iterator[NewCommit]:
    """The commits of all commands that an import of these activities sends, in its order."""
    decided = _Decided()
    for row in ProcessPlan(stored_activities(found), Scope(tenant), "import:process.csv").rows():
        assert isinstance(row, PlannedRow), row
        for step in row.steps:
            if commit := decided.commit(step.envelope):
                yield commit


def of_tenant(commit: NewCommit, tenant: str) -> NewCommit:
    """The same commit in another tenant."""
    return replace(commit, tenant=tenant)


class _Decided:
    """What the aggregates make of commands, one after the other."""

    def __init__(self) -> None:
        self._states: dict[str, tuple[int, Aggregate[Any, Any]]] = {}

    def commit(self, envelope: Envelope) -> NewCommit | None:
        command, at = envelope.command, envelope.occurred or START
        kind = CATALOG.context_of(command).aggregate
        stream = str(command.target)
        version, state = self._states.get(stream, (0, kind()))
        references = {other: self._states[other][1] for _, _, other in command.references()}
        events = state.decide(
            command, Facts(now=at, stream_id=stream, version=version, references=references)
        )
        self._states[stream] = version + len(events), state.evolve_all(events)
        if not events:
            return None
        command_id = str(envelope.command_id)
        return NewCommit(
            tenant=envelope.scope.tenant,
            stream=stream,
            category=kind.category,
            expected=version,
            events=tuple(NewEvent(f"{command_id}.{place}", event) for place, event in enumerate(events)),
            command_id=command_id,
            command=type(command).__name__,
            correlation=envelope.correlation or command_id,
            causation=envelope.causation,
            actor=envelope.scope.actor,
            source=envelope.source,
            at=at,
            occurred=envelope.occurred,
        )

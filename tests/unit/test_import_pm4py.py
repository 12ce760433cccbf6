"""The views of a generated log have the figures that pm4py computes of the same file, in each format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projections.views import step_times
from tests.helpers.log_writers import CASE, Attributes, write_csv, write_xes
from tests.helpers.memory_import import MemoryImport
from tests.helpers.pm4py_figures import NAME, RESOURCE, TIME, TRANSITION, DoneTask, Pm4py

MIDNIGHT = datetime(2024, 3, 1, tzinfo=UTC)
NAMES = ("Prüfen", "登记", "a;b", 'the "last" step')
OTHER_TRANSITIONS = ("suspend", "resume", "In Progress")

FORMATS = {
    "utf-8.csv": (write_csv, "utf-8"),
    "utf-16.csv": (write_csv, "utf-16"),
    "gb18030.csv": (write_csv, "gb18030"),
    "utf-8.xes": (write_xes, "utf-8"),
    "utf-16.xes": (write_xes, "utf-16"),
    "gb18030.xes": (write_xes, "gb18030"),
}


class LogEvent(NamedTuple):
    """One event of a log; times are milliseconds after midnight."""

    case: str
    name: str
    resource: str | None
    transition: str
    time: int


cases = st.sampled_from(("1", "2", "workflow-1"))
names = st.sampled_from(NAMES)
times = st.integers(0, 86_400_000) | st.integers(0, 5)
worked = st.builds(
    LogEvent,
    cases,
    names,
    st.none() | st.sampled_from(("Ana", "李")),
    st.sampled_from(("start", "complete")),
    times,
)
reported = st.builds(LogEvent, cases, names, st.none(), st.sampled_from(OTHER_TRANSITIONS), times)
logs = st.lists(worked | worked | reported, min_size=1, max_size=16)


def _rows(log: Sequence[LogEvent], *, is_over: bool) -> list[Attributes]:
    """The rows of a log, whose cases have an end if it `is_over`: that of their last event."""
    ends = {event.case: max(each.time for each in log if each.case == event.case) for event in log}
    return [
        {
            CASE: event.case,
            "case:enddate": _text(ends[event.case]) if is_over else "",
            NAME: event.name,
            RESOURCE: event.resource or "",
            TRANSITION: event.transition,
            TIME: _text(event.time),
        }
        for event in log
    ]


def _text(milliseconds: int) -> str:
    return (MIDNIGHT + timedelta(milliseconds=milliseconds)).isoformat(timespec="milliseconds")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pm4py")


@settings(max_examples=60)
@given(log=logs, file=st.sampled_from(sorted(FORMATS)), is_over=st.booleans())
def test_views_have_the_figures_of_pm4py(folder: Path, log: list[LogEvent], file: str, is_over: bool) -> None:
    write, encoding = FORMATS[file]
    memory = MemoryImport(folder)
    options = {"encoding": encoding} if file == "gb18030.csv" else {}
    report = memory.run(file, write(_rows(log, is_over=is_over), encoding), **options)
    assert memory.counts(report) == {"stored": len(log)}
    pm4py = Pm4py(folder / file, encoding)
    figures = pm4py.cases()
    agents = {row["id"]: row["name"] for row in memory.agents.values()}
    assert memory.workflows.keys() == {f"workflow-{case}" for case in figures}
    for case, of_case in figures.items():
        workflow = memory.workflows[f"workflow-{case}"]
        assert workflow["started_at"] == of_case.begin
        assert [step["name"] for step in workflow["steps"]] == of_case.steps
        assert workflow["duration_seconds"] == (of_case.seconds if is_over else None)
        assert _done_tasks(memory, workflow["id"], agents) == of_case.tasks
    done = [task for of_case in figures.values() for task in of_case.tasks]
    by_agent = {row["name"]: row["completed_tasks"] for row in memory.agents.values()}
    assert Counter(by_agent) == Counter(task.resource for task in done if task.resource is not None)
    assert _step_seconds(memory) == _step_figures(pm4py)


def _done_tasks(memory: MemoryImport, workflow: str, agents: Mapping[str, str]) -> list[DoneTask]:
    rows = [
        row for row in memory.tasks.values() if (row["workflow_id"], row["status"]) == (workflow, "COMPLETED")
    ]
    done = [DoneTask(row["title"], row["duration_seconds"], agents.get(row["agent_id"])) for row in rows]
    return sorted(done, key=str)


def _step_seconds(memory: MemoryImport) -> dict[str, tuple[Any, ...]]:
    rows: Mapping[str, Any] = memory.bus.history.rows(step_times.view)
    return {
        row["name"]: (row["steps"], row["total_seconds"], row["shortest"], row["longest"])
        for row in rows.values()
    }


def _step_figures(pm4py: Pm4py) -> dict[str, tuple[Any, ...]]:
    return {
        name: (len(seconds), pytest.approx(sum(seconds), abs=1e-3), seconds[0], seconds[-1])
        for name, seconds in pm4py.step_seconds().items()
    }

"""Generated logs, in each format and encoding, give the rows that a direct computation gives."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.log_writers import write_csv, write_xes
from tests.helpers.memory_import import MemoryImport

MIDNIGHT = datetime(2024, 3, 1, tzinfo=UTC)
NAMES = ("Prüfen", "登记", "a;b", 'the "last"\nstep', "Check, then send")


class Step(NamedTuple):
    """One activity of a log; times are milliseconds after midnight."""

    case: str
    name: str
    resource: str | None
    start: int | None
    end: int


steps = st.builds(
    lambda case, name, resource, start, length: Step(case, name, resource, start, (start or 0) + length),
    st.sampled_from(("1", "2", "workflow-1")),
    st.sampled_from(NAMES),
    st.none() | st.sampled_from(("Ana", "李")),
    st.none() | st.integers(0, 3_600_000),
    st.integers(0, 86_400_000),
)


def _time(milliseconds: int) -> str:
    return (MIDNIGHT + timedelta(milliseconds=milliseconds)).isoformat()


def _values(step: Step) -> dict[str, str]:
    return {
        "case:concept:name": step.case,
        "concept:name": step.name,
        "org:resource": step.resource or "",
        "start_timestamp": "" if step.start is None else _time(step.start),
        "time:timestamp": _time(step.end),
    }


FORMATS = {
    "utf-8.csv": (write_csv, "utf-8"),
    "utf-16.csv": (write_csv, "utf-16"),
    "gb18030.csv": (write_csv, "gb18030"),
    "utf-8.xes": (write_xes, "utf-8-sig"),
    "utf-16.xes": (write_xes, "utf-16"),
    "gb18030.xes": (write_xes, "gb18030"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("generated")


@given(log=st.lists(steps, min_size=1, max_size=12), file=st.sampled_from(sorted(FORMATS)))
def test_a_generated_log_gives_the_rows_that_it_has(folder: Path, log: list[Step], file: str) -> None:
    write, encoding = FORMATS[file]
    memory = MemoryImport(folder)
    options = {"encoding": encoding} if file == "gb18030.csv" else {}
    report = memory.run(file, write([_values(step) for step in log], encoding), **options)
    assert memory.counts(report) == {"stored": len(log)}
    durations = Counter(
        (step.name, step.resource, None if step.start is None else (step.end - step.start) / 1000)
        for step in log
    )
    names = {row["id"]: row["name"] for row in memory.agents.values()}
    assert durations == Counter(
        (row["title"], names.get(row["agent_id"]), row["duration_seconds"]) for row in memory.tasks.values()
    )
    for case in {step.case for step in log}:
        in_order = sorted((step for step in log if step.case == case), key=lambda step: step.end)
        workflow = memory.workflows[f"workflow-{case}"]
        assert [step["name"] for step in workflow["steps"]] == [step.name for step in in_order]
        begins = min(step.end if step.start is None else step.start for step in in_order)
        assert workflow["started_at"] == MIDNIGHT + timedelta(milliseconds=begins)

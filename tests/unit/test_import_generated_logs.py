"""Generated logs, in each format and encoding, give the rows that a direct computation gives."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


def _csv(log: Sequence[Step], encoding: str) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, _values(log[0]), delimiter=";")
    writer.writeheader()
    writer.writerows(map(_values, log))
    return text.getvalue().encode(encoding)


def _xes(log: Sequence[Step], encoding: str) -> bytes:
    traces = []
    for step in log:
        values = _values(step)
        case = values.pop("case:concept:name")
        attributes = "".join(
            f"<string key={quoteattr(key)} value={quoteattr(value)}/>" for key, value in values.items()
        )
        traces.append(
            f'<trace><string key="concept:name" value="{case}"/><event>{attributes}</event></trace>'
        )
    declared = encoding.removesuffix("-sig")
    return f'<?xml version="1.0" encoding="{declared}"?><log>{"".join(traces)}</log>'.encode(encoding)


FORMATS = {
    "utf-8.csv": (_csv, "utf-8"),
    "utf-16.csv": (_csv, "utf-16"),
    "gb18030.csv": (_csv, "gb18030"),
    "utf-8.xes": (_xes, "utf-8-sig"),
    "utf-16.xes": (_xes, "utf-16"),
    "gb18030.xes": (_xes, "gb18030"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("generated")


@given(log=st.lists(steps, min_size=1, max_size=12), file=st.sampled_from(sorted(FORMATS)))
def test_a_generated_log_gives_the_rows_that_it_has(folder: Path, log: list[Step], file: str) -> None:
    write, encoding = FORMATS[file]
    memory = MemoryImport(folder)
    options = {"encoding": encoding} if file == "gb18030.csv" else {}
    report = memory.run(file, write(log, encoding), **options)
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

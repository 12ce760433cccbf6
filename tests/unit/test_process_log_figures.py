"""Workflows of a process log have the figures that a computation from the file itself gives."""

from __future__ import annotations

import csv
import io
import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import pytest

from api.fleet.activity import LoggedActivity
from tests.helpers.memory_import import MemoryImport
from tests.helpers.process_log import LOG, activities

CASES = 60
"""Cases of the log that is made up where the environment names none."""

Row = dict[str, str]


def _row(activity: LoggedActivity) -> Row:
    end = activity.case_end
    return {
        "case:concept:name": activity.case,
        "case:startdate": str(activity.case_start),
        "case:enddate": "" if end is None else str(end),
        "concept:instance": activity.instance or "",
        "concept:name": activity.name,
        "lifecycle:transition": activity.transition,
        "org:resource": activity.resource or "",
        "time:timestamp": str(activity.time),
    }


def _made_up() -> str:
    names = [f"case-{number}" for number in range(CASES)]
    made = [_row(activity) for activity in activities() if activity.case in names]
    text = io.StringIO()
    writer = csv.DictWriter(text, made[0])
    writer.writeheader()
    writer.writerows(made)
    return text.getvalue()


@pytest.fixture(scope="module")
def content() -> str:
    """The process log that the environment names, or one that is made up."""
    path = os.environ.get(LOG)
    return _made_up() if path is None else Path(path).read_text()


def _cases(content: str) -> Iterator[tuple[str, Sequence[Row]]]:
    """Yield each case with its rows in the order of their times."""
    cases: dict[str, list[Row]] = defaultdict(list)
    for row in csv.DictReader(io.StringIO(content)):
        cases[row["case:concept:name"]].append(row)
    for case, rows in cases.items():
        yield case, sorted(rows, key=lambda row: datetime.fromisoformat(row["time:timestamp"]))


def test_workflows_have_the_progress_the_durations_and_the_steps_of_the_file(
    content: str, tmp_path: Path
) -> None:
    memory = MemoryImport(tmp_path)
    report = memory.run("log.csv", content)
    rows = sum(len(rows) for _, rows in _cases(content))
    assert memory.counts(report) == {"stored": rows}
    workflows = memory.workflows
    assert len(workflows) == len(list(_cases(content)))
    for case, of_case in _cases(content):
        workflow = workflows[f"workflow-{case}"]
        assert [step["name"] for step in workflow["steps"]] == [row["concept:name"] for row in of_case]
        started = datetime.fromisoformat(of_case[0]["case:startdate"])
        assert workflow["started_at"] == started
        end = of_case[-1]["case:enddate"]
        assert workflow["status"] == ("FINISHED" if end else "RUNNING")
        assert workflow["progress"] == (1.0 if end else None)
        seconds = (datetime.fromisoformat(end) - started).total_seconds() if end else -1
        assert workflow["duration_seconds"] == (None if seconds < 0 else pytest.approx(seconds))


def test_agents_have_as_many_tasks_as_the_file_has_rows_of_them(content: str, tmp_path: Path) -> None:
    memory = MemoryImport(tmp_path)
    memory.run("log.csv", content)
    resources = Counter(row["org:resource"] for _, rows in _cases(content) for row in rows)
    names = {row["id"]: row["name"] for row in memory.agents.values()}
    completed = Counter(names[task["agent_id"]] for task in memory.tasks.values())
    assert completed == resources

"""Views that cross streams equal a recount of what they sum up."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from math import ceil
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.agents.commands import RegisterAgent
from domain.kernel import RecordedEvent
from domain.meters.commands import ReportCount, ReportLabels, ReportReading
from domain.tasks.commands import AssignTask, CompleteTask, CreateTask, StartTask
from domain.testing import NOON
from domain.workflows.commands import CompleteStep, StartWorkflow
from projections.views import meters, step_times, task_days
from tests.helpers.memory_world import World, fold

DAY = timedelta(days=1)
durations = st.floats(0, 1e7).map(lambda seconds: round(seconds, 3))


def test_tasks_are_counted_by_day_and_state_and_agent() -> None:
    world = World()
    for agent in ("agent-a", "agent-b"):
        world.dispatch(RegisterAgent(id=agent, name="Writer"), NOON)
    for number in range(3):
        task = f"task-{number}"
        world.dispatch(CreateTask(id=task, title="Sum", agent_id="agent-a"), NOON)
        world.dispatch(StartTask(id=task), NOON + number * DAY)
        world.dispatch(CompleteTask(id=task), NOON + number * DAY + timedelta(seconds=2.5))
    world.dispatch(CreateTask(id="task-9", title="Sum", agent_id="agent-a"), NOON + DAY)
    world.dispatch(AssignTask(id="task-9", agent_id="agent-b"), NOON + DAY)
    rows = fold(task_days.view, world.events)
    first, second, third = ((NOON + n * DAY).date().isoformat() for n in range(3))
    assert {(row["day"], row["status"], row["agent_id"]): row["tasks"] for row in rows.values()} == {
        (first, "CREATED", None): 3,
        (first, "ASSIGNED", "agent-a"): 3,
        (first, "STARTED", "agent-a"): 1,
        (first, "COMPLETED", "agent-a"): 1,
        (second, "STARTED", "agent-a"): 1,
        (second, "COMPLETED", "agent-a"): 1,
        (second, "CREATED", None): 1,
        (second, "ASSIGNED", "agent-a"): 1,
        (second, "ASSIGNED", "agent-b"): 1,
        (third, "STARTED", "agent-a"): 1,
        (third, "COMPLETED", "agent-a"): 1,
    }
    assert rows[f"{first}/COMPLETED/agent-a"]["duration_seconds"] == 2.5


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["draft", "check"]), durations), min_size=1, max_size=60))
def test_percentiles_of_steps_are_less_than_two_percent_off(taken: list[tuple[str, float]]) -> None:
    world, exact = World(), defaultdict(list)
    for number, (step, seconds) in enumerate(taken):
        case = f"workflow-{number}"
        world.dispatch(StartWorkflow(id=case, name="permit"), NOON)
        world.dispatch(CompleteStep(id=case, name=step), NOON + timedelta(seconds=seconds))
        exact[step].append(seconds)
    rows = fold(step_times.view, world.events)
    assert rows.keys() == exact.keys()
    for step, values in exact.items():
        row, values = rows[step], sorted(values)
        assert (row["steps"], row["shortest"], row["longest"]) == (len(values), values[0], values[-1])
        assert row["total_seconds"] == pytest.approx(sum(values), abs=0.1)
        assert sum(bucket["steps"] for bucket in row["buckets"]) == len(values)
        for percent in (50, 90, 99):
            wanted = values[ceil(len(values) * percent / 100) - 1]
            assert row[f"p{percent}"] == pytest.approx(wanted, rel=0.02, abs=step_times.SHORTEST)


names, reporters = st.sampled_from(["tokens", "calls"]), st.sampled_from(["reporter-a", "reporter-b"])
moments = st.integers(0, 20).map(lambda second: NOON + timedelta(seconds=second))
reports = st.one_of(
    st.builds(
        ReportCount,
        id=reporters,
        name=names,
        increments=st.integers(0, 9),
        decrements=st.integers(0, 9),
    ),
    st.builds(ReportReading, id=reporters, name=names, value=st.integers(0, 9)),
    st.builds(ReportLabels, id=reporters, name=names, labels=st.lists(st.sampled_from("xyz"), min_size=1)),
)


def _interleaved(data: st.DataObject, events: list[RecordedEvent]) -> list[RecordedEvent]:
    """The events with the streams mixed in another way; each stream keeps its order."""
    by_stream = {
        stream: [event for event in events if event.stream == stream]
        for stream in dict.fromkeys(event.stream for event in events)
    }
    order = data.draw(st.permutations([event.stream for event in events]))
    waiting = {stream: iter(own) for stream, own in by_stream.items()}
    return [next(waiting[stream]) for stream in order]


@settings(max_examples=100, deadline=None)
@given(st.data(), st.lists(st.tuples(reports, moments), max_size=20))
def test_a_meter_is_the_same_however_processes_interleave(
    data: st.DataObject, said: list[tuple[Any, datetime]]
) -> None:
    world = World()
    for report, moment in said:
        world.dispatch(report, moment)
    rows = fold(meters.view, world.events)
    assert fold(meters.view, _interleaved(data, world.events)) == rows
    counts: Counter[tuple[str, str, str]] = Counter()
    for report, _ in said:
        if isinstance(report, ReportCount):
            up, down = (report.name, report.id, "up"), (report.name, report.id, "down")
            counts[up] = max(counts[up], int(report.increments))
            counts[down] = max(counts[down], int(report.decrements))
    for name, row in rows.items():
        own = {key: count for key, count in counts.items() if key[0] == name}
        assert row["count"] == sum(n if key[2] == "up" else -n for key, n in own.items())

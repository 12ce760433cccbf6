"""What holds for views after any history."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.kernel import RecordedEvent
from projections.kernel.view import View
from projections.views import agents, step_times, task_days, tasks, workflows
from tests.helpers.example_commands import (
    SETUP,
    commands,
)
from tests.helpers.memory_world import World, fold, through_mongo

VIEWS: list[View[Any]] = [agents.view, tasks.view, workflows.view, task_days.view, step_times.view]


@st.composite
def histories(draw: st.DrawFn) -> list[RecordedEvent]:
    world = World()
    world.play(SETUP)
    world.play(draw(st.lists(commands, max_size=40)))
    return world.events


@settings(max_examples=150, deadline=None)
@given(histories())
def test_the_counts_of_agents_equal_a_recount_of_tasks(events: list[RecordedEvent]) -> None:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for task in fold(tasks.view, events).values():
        counts[task["agent_id"]][task["status"]] += 1
    for key, row in fold(agents.view, events).items():
        has = counts[key]
        assert row["open_tasks"] == has["ASSIGNED"] + has["STARTED"]
        assert row["completed_tasks"] == has["COMPLETED"]
        assert row["failed_tasks"] == has["FAILED"]
        assert row["cancelled_tasks"] == has["CANCELLED"]


@settings(max_examples=150, deadline=None)
@given(histories(), st.lists(st.integers(0, 60), max_size=5))
@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_any_split_into_batches_gives_what_one_by_one_gives(
    view: View[Any], events: list[RecordedEvent], cuts: list[int]
) -> None:
    places = [0, *sorted(min(cut, len(events)) for cut in cuts), len(events)]
    rows: dict[str, Any] = {}
    for start, end in pairwise(places):
        rows = through_mongo(fold(view, events[start:end], rows))
    assert rows == fold(view, events)


@settings(max_examples=150, deadline=None)
@given(histories())
@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_each_row_folded_on_its_own_gives_what_all_in_order_give(
    view: View[Any], events: list[RecordedEvent]
) -> None:
    together = fold(view, events)
    for key, row in together.items():
        folded = (event for event in events if event.commit.category in view.categories)
        own = [event for event in folded if key in view.key(event)]
        assert fold(view, own)[key] == row


@settings(max_examples=150, deadline=None)
@given(histories())
def test_rows_are_whole_and_agree_with_themselves(events: list[RecordedEvent]) -> None:
    for view in VIEWS:
        for key, row in fold(view, events).items():
            assert row["id"] == key
            assert row.keys() == view.row.__annotations__.keys()
    for row in fold(workflows.view, events).values():
        assert row["steps_completed"] == len(row["steps"])
        assert row["progress"] is None or 0 <= row["progress"] <= 1
    for row in fold(tasks.view, events).values():
        over = row["status"] in {"COMPLETED", "FAILED", "CANCELLED"}
        assert (row["finished_at"] is not None) == over
        assert row["duration_seconds"] is None or row["duration_seconds"] >= 0

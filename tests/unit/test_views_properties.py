"""What holds for views after any history."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.agents.commands import ChangeAgentState, RegisterAgent, RetireAgent
from domain.agents.events import AgentState
from domain.kernel import Command, RecordedEvent
from domain.tasks.commands import AssignTask, CancelTask, CompleteTask, CreateTask, FailTask, StartTask
from domain.workflows.commands import CompleteStep, FailWorkflow, FinishWorkflow, StartWorkflow
from projections.kernel.view import View
from projections.views import agents, step_times, task_days, tasks, workflows
from tests.helpers.memory_world import World, fold, through_mongo

VIEWS: list[View[Any]] = [agents.view, tasks.view, workflows.view, task_days.view, step_times.view]

agent_ids = st.sampled_from(["agent-1", "agent-2", "agent-3"])
task_ids = st.sampled_from([f"task-{n}" for n in range(6)])
workflow_ids = st.sampled_from(["workflow-1", "workflow-2"])
maybe_agent = st.none() | agent_ids
json = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.just("key"), inner, max_size=1),
    max_leaves=3,
)
commands: st.SearchStrategy[Command] = st.one_of(
    st.builds(RegisterAgent, id=agent_ids, name=st.just("Writer")),
    st.builds(ChangeAgentState, id=agent_ids, state=st.sampled_from(AgentState)),
    st.builds(RetireAgent, id=agent_ids),
    st.builds(
        CreateTask,
        id=task_ids,
        title=st.just("Sum"),
        agent_id=maybe_agent,
        workflow_id=st.none() | workflow_ids,
    ),
    st.builds(AssignTask, id=task_ids, agent_id=agent_ids),
    st.builds(StartTask, id=task_ids),
    st.builds(CompleteTask, id=task_ids, result=json),
    st.builds(FailTask, id=task_ids, error=st.just("no")),
    st.builds(CancelTask, id=task_ids),
    st.builds(
        StartWorkflow, id=workflow_ids, name=st.just("case"), planned_steps=st.none() | st.integers(1, 3)
    ),
    st.builds(
        CompleteStep, id=workflow_ids, name=st.sampled_from(["draft", "send"]), task_id=st.none() | task_ids
    ),
    st.builds(FinishWorkflow, id=workflow_ids),
    st.builds(FailWorkflow, id=workflow_ids, error=st.just("no")),
)
SETUP: list[Command] = [
    RegisterAgent(id="agent-1", name="Writer"),
    RegisterAgent(id="agent-2", name="Editor"),
    StartWorkflow(id="workflow-1", name="case", planned_steps=2),
    *(CreateTask(id=f"task-{n}", title="Sum", agent_id="agent-1") for n in range(3)),
]


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

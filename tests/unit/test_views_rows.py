"""What the rows of the three views say after one plain history."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from domain.agents.commands import ChangeAgentState, RegisterAgent, RetireAgent
from domain.agents.events import AgentState
from domain.kernel import Command
from domain.tasks.commands import AssignTask, CancelTask, CompleteTask, CreateTask, FailTask, StartTask
from domain.tasks.events import Priority
from domain.testing import NOON
from domain.workflows.commands import CompleteStep, FailWorkflow, FinishWorkflow, StartWorkflow
from projections.kernel.view import View
from projections.views import agents, tasks, workflows
from tests.helpers.memory_world import World, fold

WRITER, EDITOR, CASE = "agent-writer", "agent-editor", "workflow-7"


def at(seconds: int) -> Any:
    return NOON + timedelta(seconds=seconds)


def rows_after(view: View[Any], *commands: Command) -> dict[str, Any]:
    """The rows after commands that all occurred one second after the other."""
    world = World()
    for second, command in enumerate(commands):
        world.dispatch(command, at(second))
    return fold(view, world.events)


def test_the_row_of_a_completed_task() -> None:
    rows = rows_after(
        tasks.view,
        RegisterAgent(id=WRITER, name="Writer"),
        StartWorkflow(id=CASE, name="permit"),
        CreateTask(
            id="task-1", title="Sum", priority=Priority.HIGH, tags=["a"], workflow_id=CASE, agent_id=WRITER
        ),
        StartTask(id="task-1"),
        CompleteTask(id="task-1", result={"sum": 2}),
    )
    assert rows == {
        "task-1": {
            "id": "task-1",
            "title": "Sum",
            "description": "",
            "status": "COMPLETED",
            "priority": "HIGH",
            "tags": ["a"],
            "agent_id": WRITER,
            "workflow_id": CASE,
            "result": {"sum": 2},
            "error": None,
            "cancel_reason": None,
            "reported_state": None,
            "reported_attributes": None,
            "created_at": at(2),
            "assigned_at": at(2),
            "started_at": at(3),
            "finished_at": at(4),
            "duration_seconds": 1.0,
        }
    }


def test_the_rows_of_tasks_that_did_not_come_to_a_result() -> None:
    rows = rows_after(
        tasks.view,
        RegisterAgent(id=WRITER, name="Writer"),
        CreateTask(id="task-1", title="Sum", agent_id=WRITER),
        CreateTask(id="task-2", title="Sum"),
        FailTask(id="task-1", error="no"),
        CancelTask(id="task-2", reason="moot"),
    )
    shown = ("status", "agent_id", "error", "cancel_reason", "finished_at", "duration_seconds")
    assert [rows["task-1"][name] for name in shown] == ["FAILED", WRITER, "no", None, at(3), None]
    assert [rows["task-2"][name] for name in shown] == ["CANCELLED", None, None, "moot", at(4), None]


def test_agents_count_the_tasks_they_have_and_had() -> None:
    rows = rows_after(
        agents.view,
        RegisterAgent(id=WRITER, name="Writer", capabilities=["sums"]),
        RegisterAgent(id=EDITOR, name="Editor"),
        *(CreateTask(id=f"task-{n}", title="Sum", agent_id=WRITER) for n in range(4)),
        AssignTask(id="task-0", agent_id=EDITOR),
        CompleteTask(id="task-1"),
        FailTask(id="task-2", error="no"),
        CancelTask(id="task-0"),
        ChangeAgentState(id=WRITER, state=AgentState.BUSY),
        RetireAgent(id=EDITOR),
    )
    assert rows[WRITER] == {
        "id": WRITER,
        "name": "Writer",
        "capabilities": ["sums"],
        "state": "BUSY",
        "open_tasks": 1,
        "completed_tasks": 1,
        "failed_tasks": 1,
        "cancelled_tasks": 0,
        "registered_at": at(0),
        "retired_at": None,
    }
    editor = rows[EDITOR]
    assert (editor["state"], editor["retired_at"]) == ("RETIRED", at(11))
    assert (editor["open_tasks"], editor["cancelled_tasks"]) == (0, 1)


def test_a_workflow_shows_its_steps_and_how_far_it_has_come() -> None:
    commands: list[Command] = [
        RegisterAgent(id=WRITER, name="Writer"),
        StartWorkflow(id=CASE, name="permit", planned_steps=4),
        CompleteStep(id=CASE, name="draft", agent_id=WRITER),
        CompleteStep(id=CASE, name="send"),
    ]
    running = rows_after(workflows.view, *commands)[CASE]
    assert running == {
        "id": CASE,
        "name": "permit",
        "status": "RUNNING",
        "steps": [
            {"name": "draft", "task_id": None, "agent_id": WRITER, "completed_at": at(2)},
            {"name": "send", "task_id": None, "agent_id": None, "completed_at": at(3)},
        ],
        "steps_completed": 2,
        "steps_planned": 4,
        "progress": 0.5,
        "plan": [],
        "error": None,
        "cancel_reason": None,
        "attributes": None,
        "started_at": at(1),
        "finished_at": None,
        "duration_seconds": None,
    }
    finished = rows_after(workflows.view, *commands, FinishWorkflow(id=CASE))[CASE]
    end = {"status": "FINISHED", "progress": 1.0, "finished_at": at(4), "duration_seconds": 3.0}
    assert finished == {**running, **end}
    failed = rows_after(workflows.view, *commands, FailWorkflow(id=CASE, error="no"))[CASE]
    assert failed == {
        **running,
        "status": "FAILED",
        "error": "no",
        "finished_at": at(4),
        "duration_seconds": 3.0,
    }


@pytest.mark.parametrize(("planned", "progress"), [(None, None), (1, 1.0), (3, 2 / 3)])
def test_progress_needs_a_plan_and_never_passes_one(planned: int | None, progress: float | None) -> None:
    rows = rows_after(
        workflows.view,
        StartWorkflow(id=CASE, name="permit", planned_steps=planned),
        CompleteStep(id=CASE, name="draft"),
        CompleteStep(id=CASE, name="send"),
    )
    assert rows[CASE]["progress"] == progress


@pytest.mark.parametrize("view", [agents.view, tasks.view, workflows.view], ids=lambda view: view.name)
def test_an_event_of_a_type_that_nobody_knows_changes_nothing(view: View[Any]) -> None:
    world = World()
    world.dispatch(RegisterAgent(id=WRITER, name="Writer"))
    world.dispatch(CreateTask(id="task-1", title="Sum"))
    world.dispatch(StartWorkflow(id=CASE, name="permit"))
    foreign = [event._replace(type="task.tickled", payload=None) for event in world.events]
    assert fold(view, [*world.events, *foreign]) == fold(view, world.events)

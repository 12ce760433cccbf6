"""Declared steps of workflows: run as tasks, in the order of their dependencies, and ended together."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given as given_values
from hypothesis import settings
from hypothesis import strategies as st

from domain import agents, tasks, workflows
from domain.agents.commands import RegisterAgent
from domain.kernel import Command
from domain.process.events import ProcessStatus
from domain.tasks.commands import AssignTask, CompleteTask, FailTask
from domain.tasks.events import TaskStatus
from domain.testing import NOON, given
from domain.workflows import run
from domain.workflows.aggregate import Workflow
from domain.workflows.commands import CancelWorkflow, CompleteStep, FinishWorkflow, StartWorkflow
from domain.workflows.events import PlannedStep, WorkflowPlanned, WorkflowStarted, WorkflowStatus
from projections.testing import History
from projections.views.workflows import view
from tests.helpers.process_simulation import Simulation, no_calls

CONTEXTS = (agents.context, tasks.context, workflows.context, run.context)
FLOW, RUN = "workflow-7", "run-7"
BUILD, TEST, DOCS = (
    PlannedStep(name="build", agent_id="agent-a"),
    PlannedStep(name="test", agent_id="agent-a", depends_on=["build"]),
    PlannedStep(name="docs", agent_id="agent-a"),
)
DEPLOY = PlannedStep(name="deploy", agent_id="agent-a", depends_on=["test", "docs"])
STEPS = [BUILD, TEST, DOCS, DEPLOY]


def task(step: int, attempt: int = 1) -> str:
    return f"task-step.7.{step}.{attempt}"


class Flow:
    """A workflow with declared steps, in a simulation."""

    def __init__(self, steps: list[PlannedStep], seed: int = 1) -> None:
        self.simulation = Simulation(CONTEXTS, (), no_calls, Random(seed))
        self._sent = 0
        self.send(RegisterAgent(id="agent-a", name="Ann"))
        self.send(StartWorkflow(id=FLOW, name="release", steps=steps))

    def send(self, command: Command) -> None:
        """Dispatch a command, and go on until only deadlines are left."""
        self._sent += 1
        self.simulation.dispatch(command, f"sent-{self._sent}")
        self.simulation.run(deadlines=False)

    def open_tasks(self) -> list[str]:
        """The tasks that have not ended."""
        ended = {TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED}
        streams = self.simulation.streams("task")
        return [each for each in streams if self.simulation.state(each).status not in ended]

    @property
    def status(self) -> WorkflowStatus:
        status: WorkflowStatus = self.simulation.state(FLOW).status
        return status

    @property
    def run_status(self) -> ProcessStatus:
        status: ProcessStatus = self.simulation.state(RUN).kept.status
        return status


def test_steps_begin_when_what_they_depend_on_is_completed() -> None:
    """Those that do not depend on each other are open at the same time."""
    flow = Flow(STEPS)
    assert flow.open_tasks() == [task(0), task(2)]
    flow.send(CompleteTask(id=task(0)))
    assert flow.open_tasks() == [task(1), task(2)]
    flow.send(CompleteTask(id=task(1)))
    assert flow.open_tasks() == [task(2)]
    flow.send(CompleteTask(id=task(2)))
    assert flow.open_tasks() == [task(3)]
    flow.send(CompleteTask(id=task(3)))
    assert (flow.status, flow.run_status) == (WorkflowStatus.FINISHED, ProcessStatus.COMPLETED)


@st.composite
def plans(draw: st.DrawFn) -> list[PlannedStep]:
    """Draw steps that depend on earlier ones, in any order."""
    steps: list[PlannedStep] = []
    for number in range(draw(st.integers(1, 7))):
        names = [step.name for step in steps]
        depends_on = draw(st.lists(st.sampled_from(names), unique=True)) if names else []
        steps.append(PlannedStep(name=f"s{number}", agent_id="agent-a", depends_on=depends_on))
    return draw(st.permutations(steps))


@settings(max_examples=30)
@given_values(plans(), st.integers(), st.data())
def test_any_plan_is_finished_and_no_step_begins_early(
    steps: list[PlannedStep], seed: int, data: st.DataObject
) -> None:
    """Whichever open task is completed next, with everything delivered twice."""
    flow = Flow(steps, seed)
    completed: set[str] = set()
    while tasks_left := flow.open_tasks():
        chosen = data.draw(st.sampled_from(tasks_left))
        step = steps[int(chosen.split(".")[2])]
        assert set(step.depends_on) <= completed
        flow.send(CompleteTask(id=chosen))
        completed.add(step.name)
    assert completed == {step.name for step in steps}
    assert flow.status is WorkflowStatus.FINISHED


def test_a_step_is_attempted_again_until_its_attempts_are_used_up() -> None:
    """Then the workflow fails, and what is open is cancelled."""
    flow = Flow([BUILD.model_copy(update={"max_attempts": 2}), DOCS])
    flow.send(FailTask(id=task(0), error="no disk"))
    assert flow.open_tasks() == [task(0, 2), task(1)]
    flow.send(FailTask(id=task(0, 2), error="no disk"))
    assert flow.open_tasks() == []
    assert (flow.status, flow.run_status) == (WorkflowStatus.FAILED, ProcessStatus.COMPENSATED)
    assert flow.simulation.state(task(1)).status is TaskStatus.CANCELLED


def test_a_step_that_takes_too_long_is_attempted_again() -> None:
    """Its task is withdrawn, and the report of it comes too late."""
    flow = Flow([BUILD.model_copy(update={"max_attempts": 2, "time_limit": timedelta(hours=1)})])
    flow.simulation.run()
    assert [flow.simulation.state(task(0, attempt)).status for attempt in (1, 2)] == [
        TaskStatus.CANCELLED,
        TaskStatus.CANCELLED,
    ]
    assert flow.status is WorkflowStatus.FAILED


def test_a_step_that_is_completed_in_time_has_no_deadline_left() -> None:
    flow = Flow([BUILD.model_copy(update={"time_limit": timedelta(hours=1)}), DOCS])
    flow.send(CompleteTask(id=task(0)))
    flow.simulation.run()
    assert flow.status is WorkflowStatus.RUNNING


def test_a_workflow_is_cancelled_as_a_whole() -> None:
    """Completed steps stay as they are."""
    flow = Flow(STEPS)
    flow.send(CompleteTask(id=task(0)))
    flow.send(CancelWorkflow(id=FLOW, reason="too late"))
    assert flow.open_tasks() == []
    assert (flow.status, flow.run_status) == (WorkflowStatus.CANCELLED, ProcessStatus.COMPENSATED)
    assert flow.simulation.state(task(0)).status is TaskStatus.COMPLETED


def test_a_workflow_that_is_finished_early_leaves_no_open_task() -> None:
    flow = Flow(STEPS)
    flow.send(FinishWorkflow(id=FLOW))
    assert flow.open_tasks() == []
    assert flow.status is WorkflowStatus.FINISHED


def test_a_step_may_be_completed_without_its_task() -> None:
    """By hand; the steps that depend on it begin."""
    flow = Flow(STEPS)
    flow.send(CompleteStep(id=FLOW, name="build"))
    assert task(1) in flow.open_tasks()


def test_a_step_whose_agent_does_not_exist_fails_the_workflow() -> None:
    flow = Flow([DOCS, BUILD.model_copy(update={"agent_id": "agent-b"})])
    assert flow.open_tasks() == []
    assert flow.status is WorkflowStatus.FAILED


def test_a_step_without_an_agent_waits_until_it_is_assigned() -> None:
    flow = Flow([PlannedStep(name="build")])
    flow.send(AssignTask(id=task(0), agent_id="agent-a"))
    flow.send(CompleteTask(id=task(0)))
    assert flow.status is WorkflowStatus.FINISHED


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ([BUILD, BUILD], "two steps are called 'build'"),
        ([TEST], "the step 'test' depends on 'build', and there is no such step"),
        ([BUILD.model_copy(update={"depends_on": ["test"]}), TEST], "depend on each other"),
    ],
)
def test_a_plan_that_cannot_be_run_is_refused(steps: list[PlannedStep], reason: str) -> None:
    given(Workflow).when(StartWorkflow(name="release", steps=steps)).then_refused(containing=reason)


def test_only_declared_steps_that_are_open_are_completed() -> None:
    history: Any = (
        WorkflowStarted(name="x", started_at=NOON, planned_steps=1),
        WorkflowPlanned(steps=[BUILD]),
    )
    refused = given(Workflow, *history).when(CompleteStep(id=FLOW, name="sing"))
    refused.then_refused(containing="the step 'sing' is none of the declared steps that are open: 'build'")


def test_the_view_shows_how_far_each_declared_step_has_come() -> None:
    flow = Flow([BUILD.model_copy(update={"max_attempts": 2}), TEST])
    flow.send(FailTask(id=task(0), error="no disk"))
    flow.send(CompleteTask(id=task(0, 2)))
    history = History()
    for event in flow.simulation.events:
        assert event.payload is not None
        history = history.add(event.stream, event.payload)
    row = history.rows(view)[FLOW]
    assert row["progress"] == 0.5
    shown = [(step["name"], step["status"], step["attempts"], step["error"]) for step in row["plan"]]
    assert shown == [("build", "COMPLETED", 2, "no disk"), ("test", "RUNNING", 1, None)]

"""Events of the process that runs the declared steps of a workflow."""

from __future__ import annotations

from domain.kernel import Event
from domain.workflows.events import PlannedStep


class RunBegun(Event, type="workflowrun.begun"):
    """The declared steps of a workflow are run."""

    workflow_id: str
    steps: list[PlannedStep]


class StepBegun(Event, type="workflowrun.step_begun"):
    """An attempt at a step was begun; its task is `task_id`, `attempt` counts from 1."""

    workflow_id: str
    name: str
    task_id: str
    attempt: int


class StepAttemptFailed(Event, type="workflowrun.attempt_failed"):
    """An attempt at a step has failed."""

    workflow_id: str
    name: str
    task_id: str
    error: str


class StepEnded(Event, type="workflowrun.step_ended"):
    """A step was completed."""

    workflow_id: str
    name: str

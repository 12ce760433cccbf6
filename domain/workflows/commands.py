"""Commands of workflows."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from domain.agents.aggregate import Agent
from domain.kernel import ChangeCommand, CreateCommand
from domain.kernel.access import role
from domain.kernel.fields import Identifier, Json, Name, Refers, Text
from domain.tasks.aggregate import Task
from domain.workflows.events import PlannedStep


class StartWorkflow(CreateCommand):
    """Starts a workflow, which advances step by step.

    Steps that are declared with it are run: each becomes a task as soon as the steps that it depends on are
    completed. The workflow is finished when all of them are completed, and fails when one has failed.
    """

    access = role("editor")

    name: Name = Field(description="The name that people read.")
    planned_steps: int | None = Field(
        None,
        ge=1,
        le=1_000_000,
        description="The number of planned steps, if there is a plan; progress needs it.",
    )
    steps: list[PlannedStep] = Field(
        default=[], max_length=100, description="Steps that nerve runs; without them, agents report steps."
    )
    attributes: Json | None = Field(
        None, description="What another system says about the workflow: any JSON value."
    )


class CompleteStep(ChangeCommand):
    """Completes a step of the workflow.

    A step may be done again, by another task; without a task, a step of one name is done once.
    """

    access = role("agent", "editor")

    name: Name = Field(description="What the step is called.")
    task_id: Annotated[Identifier | None, Refers(Task)] = Field(
        None, description="The completed task that was the step; it gives the agent."
    )
    agent_id: Annotated[Identifier | None, Refers(Agent)] = Field(
        None, description="The agent that did it, if no task names one."
    )


class FinishWorkflow(ChangeCommand):
    """Finishes the workflow with success, also with fewer or more steps than planned."""

    access = role("editor")


class FailWorkflow(ChangeCommand):
    """Ends the workflow without success."""

    access = role("editor")

    error: Text = Field(min_length=1, description="What went wrong.")


class CancelWorkflow(ChangeCommand):
    """Cancels the workflow as a whole. Tasks of declared steps that have not ended are cancelled too."""

    access = role("editor")

    reason: Text | None = Field(None, description="Why it is cancelled.")

"""Commands of workflows."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from domain.agents.aggregate import Agent
from domain.kernel import ChangeCommand, CreateCommand
from domain.kernel.fields import Identifier, Name, Refers, Text
from domain.tasks.aggregate import Task


class StartWorkflow(CreateCommand):
    """Starts a workflow, which advances step by step."""

    name: Name = Field(description="The name that people read.")
    planned_steps: int | None = Field(
        None,
        ge=1,
        le=1_000_000,
        description="The number of planned steps, if there is a plan; progress needs it.",
    )


class CompleteStep(ChangeCommand):
    """Completes a step of the workflow.

    A step may be done again, by another task; without a task, a step of one name is done once.
    """

    name: Name = Field(description="What the step is called.")
    task_id: Annotated[Identifier | None, Refers(Task)] = Field(
        None, description="The completed task that was the step; it gives the agent."
    )
    agent_id: Annotated[Identifier | None, Refers(Agent)] = Field(
        None, description="The agent that did it, if no task names one."
    )


class FinishWorkflow(ChangeCommand):
    """Finishes the workflow with success, also with fewer or more steps than planned."""


class FailWorkflow(ChangeCommand):
    """Ends the workflow without success."""

    error: Text = Field(min_length=1, description="What went wrong.")

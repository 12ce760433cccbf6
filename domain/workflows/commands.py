"""What may be asked of a workflow."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from domain.agents.aggregate import Agent
from domain.kernel import ChangeCommand, CreateCommand, Identifier, Name, Refers, Text
from domain.tasks.aggregate import Task


class StartWorkflow(CreateCommand):
    """Begins a case that advances step by step."""

    name: Name = Field(description="What people call the case.")
    planned_steps: int | None = Field(
        None,
        ge=1,
        le=1_000_000,
        description="How many steps it will take, if that is known; progress needs it.",
    )


class CompleteStep(ChangeCommand):
    """Says that a step of the workflow is done.

    A step may be done again, by another task; without a task, a step of one name is done once.
    """

    name: Name = Field(description="What the step is called.")
    task_id: Annotated[Identifier | None, Refers(Task)] = Field(
        None, description="The completed task that was the step; it gives the agent."
    )
    agent_id: Annotated[Identifier | None, Refers(Agent)] = Field(
        None, description="Who did it, where no task says so."
    )


class FinishWorkflow(ChangeCommand):
    """Ends the case with success, also when fewer or more steps were done than planned."""


class FailWorkflow(ChangeCommand):
    """Ends the case without success."""

    error: Text = Field(min_length=1, description="What went wrong.")

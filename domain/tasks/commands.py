"""Commands of tasks."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from domain.agents.aggregate import Agent
from domain.kernel import ChangeCommand, CreateCommand
from domain.kernel.access import role
from domain.kernel.fields import Identifier, Json, Name, Refers, Text
from domain.tasks.events import Priority

AGENT_UNKNOWN = "Accept a task without an agent, because nobody knows which agent it was."


class CreateTask(CreateCommand):
    """Creates a task. With an `agentId` it is assigned at once."""

    access = role("editor")

    title: Name = Field(description="What is to be done, in one line.")
    description: Text = Field("", description="All that the agent needs to know.")
    priority: Priority = Field(Priority.NORMAL, description="How urgent it is compared with other tasks.")
    tags: list[Name] = Field(default=[], max_length=50, description="Words to find it by.")
    workflow_id: Annotated[Identifier | None, Refers("workflow")] = Field(
        None, description="The workflow that the task is part of."
    )
    agent_id: Annotated[Identifier | None, Refers(Agent)] = Field(
        None, description="The agent that is to do it; it must not be retired."
    )


class AssignTask(ChangeCommand):
    """Assigns the task to an agent. Until it is started it can be assigned to another one.

    Assigning it to the agent that has it already changes nothing.
    """

    access = role("editor")

    agent_id: Annotated[Identifier, Refers(Agent)] = Field(
        description="The agent that is to do it; it must not be retired."
    )


class StartTask(ChangeCommand):
    """Starts the task. Its duration counts from here on."""

    access = role("agent", "editor")

    agent_unknown: bool = Field(False, description=AGENT_UNKNOWN)


class CompleteTask(ChangeCommand):
    """Completes the task. It must have an agent, and need not have been started."""

    access = role("agent", "editor")

    result: Json | None = Field(None, description="What came out of it: any JSON value.")
    agent_unknown: bool = Field(False, description=AGENT_UNKNOWN)


class FailTask(ChangeCommand):
    """Reports that the agent could not do the task. This is final: another attempt is another task."""

    access = role("agent", "editor")

    error: Text = Field(min_length=1, description="What went wrong.")
    agent_unknown: bool = Field(False, description=AGENT_UNKNOWN)


class WithdrawTask(ChangeCommand):
    """Cancels the task if it has not ended; without effect if it has. Processes undo `CreateTask` with it."""

    access = role("editor")

    reason: Text | None = Field(None, description="Why it is withdrawn.")


class CancelTask(ChangeCommand):
    """Cancels the task, at any time before it is completed or has failed."""

    access = role("editor")

    reason: Text | None = Field(None, description="Why it is cancelled.")


class ReportTaskState(ChangeCommand):
    """Reports a state of the task in the words of another system, such as `suspend` or `In Progress`.

    The status of the task stays the same, also after its end.
    """

    access = role("agent", "editor")

    state: Name = Field(description="The state, as the other system calls it.")
    attributes: Json | None = Field(None, description="What else the other system reported: any JSON value.")

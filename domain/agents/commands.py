"""What may be asked of an agent."""

from __future__ import annotations

from pydantic import Field

from domain.agents.events import AgentState
from domain.kernel import ChangeCommand, CreateCommand, Name, Text


class RegisterAgent(CreateCommand):
    """Makes an agent known, so that tasks can be assigned to it. It starts IDLE."""

    name: Name = Field(description="What people call the agent.")
    capabilities: list[Name] = Field(
        default=[], max_length=50, description="What the agent can do, in words of your own."
    )


class ChangeAgentState(ChangeCommand):
    """Says what the agent is doing now. Asking for the state it has already changes nothing."""

    state: AgentState = Field(description="The new state; not RETIRED, for which there is `retireAgent`.")
    reason: Text | None = Field(None, description="Why it changed, for those who read the history.")


class RetireAgent(ChangeCommand):
    """Takes the agent out of service for good: it gets no task any more.

    Tasks it has already stay with it until they are assigned anew, finished or cancelled.
    """

    reason: Text | None = Field(None, description="Why it retires, for those who read the history.")

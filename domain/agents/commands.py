"""Commands of agents."""

from __future__ import annotations

from pydantic import Field

from domain.agents.events import AgentState
from domain.kernel import ChangeCommand, CreateCommand
from domain.kernel.access import role
from domain.kernel.fields import Name, Text


class RegisterAgent(CreateCommand):
    """Registers an agent, so that tasks can be assigned to it. It starts IDLE."""

    access = role("editor")

    name: Name = Field(description="The name that people read.")
    capabilities: list[Name] = Field(
        default=[], max_length=50, description="What the agent can do, in words of your own."
    )


class ChangeAgentState(ChangeCommand):
    """Changes the state of the agent. The state that it has already changes nothing."""

    access = role("editor")

    state: AgentState = Field(description="The new state; not RETIRED, for which there is `retireAgent`.")
    reason: Text | None = Field(None, description="Why it changed, for readers of the history.")


class RetireAgent(ChangeCommand):
    """Retires the agent: it can be assigned no more tasks. This is final.

    Its open tasks stay with it until they are assigned again, finished or cancelled.
    """

    access = role("editor")

    reason: Text | None = Field(None, description="Why it retires, for readers of the history.")

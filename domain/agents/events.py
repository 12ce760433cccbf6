"""Events of agents."""

from __future__ import annotations

from enum import StrEnum

from domain.kernel import Event
from domain.kernel.access import signed_in


class AgentState(StrEnum):
    """The state of an agent. RETIRED is final."""

    IDLE = "IDLE"
    BUSY = "BUSY"
    OFFLINE = "OFFLINE"
    RETIRED = "RETIRED"


class AgentRegistered(Event, type="agent.registered"):
    """An agent was registered."""

    access = signed_in

    name: str
    capabilities: list[str]


class AgentStateChanged(Event, type="agent.state-changed"):
    """An agent went from one state to another."""

    access = signed_in

    previous_state: AgentState
    state: AgentState
    reason: str | None = None


class AgentRetired(Event, type="agent.retired"):
    """An agent was retired, which is final."""

    access = signed_in

    previous_state: AgentState
    reason: str | None = None

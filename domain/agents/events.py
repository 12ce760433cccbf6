"""What happens to agents."""

from __future__ import annotations

from enum import StrEnum

from domain.kernel import Event


class AgentState(StrEnum):
    """What an agent is doing. RETIRED is final."""

    IDLE = "IDLE"
    BUSY = "BUSY"
    OFFLINE = "OFFLINE"
    RETIRED = "RETIRED"


class AgentRegistered(Event, type="agent.registered"):
    """An agent became known."""

    name: str
    capabilities: list[str]


class AgentStateChanged(Event, type="agent.state-changed"):
    """An agent went from one state to another."""

    previous_state: AgentState
    state: AgentState
    reason: str | None = None


class AgentRetired(Event, type="agent.retired"):
    """An agent left for good."""

    previous_state: AgentState
    reason: str | None = None

"""What may be asked of agents, and when."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from domain.agents.aggregate import Agent
from domain.agents.commands import ChangeAgentState, RegisterAgent, RetireAgent
from domain.agents.events import AgentRegistered, AgentRetired, AgentState, AgentStateChanged
from domain.testing import given

ID = "agent-1"
REGISTERED = AgentRegistered(name="Writer", capabilities=["review"])
BUSY = AgentStateChanged(previous_state=AgentState.IDLE, state=AgentState.BUSY)
RETIRED = AgentRetired(previous_state=AgentState.IDLE)


def test_an_agent_is_registered_with_its_capabilities() -> None:
    given(Agent).when(RegisterAgent(name="Writer", capabilities=["review"])).then(REGISTERED)


def test_a_registered_agent_changes_its_state_and_says_why() -> None:
    change = ChangeAgentState(id=ID, state=AgentState.OFFLINE, reason="lunch")
    given(Agent, REGISTERED, BUSY).when(change).then(
        AgentStateChanged(previous_state=AgentState.BUSY, state=AgentState.OFFLINE, reason="lunch")
    )


@pytest.mark.parametrize(
    ("history", "state"), [([REGISTERED], AgentState.IDLE), ([REGISTERED, BUSY], AgentState.BUSY)]
)
def test_the_state_that_it_has_already_is_no_event(history: list[Any], state: AgentState) -> None:
    given(Agent, *history).when(ChangeAgentState(id=ID, state=state)).then_nothing()


def test_a_change_of_state_cannot_retire() -> None:
    given(Agent, REGISTERED).when(ChangeAgentState(id=ID, state=AgentState.RETIRED)).then_refused()


def test_an_agent_retires_from_any_state() -> None:
    given(Agent, REGISTERED, BUSY).when(RetireAgent(id=ID, reason="replaced")).then(
        AgentRetired(previous_state=AgentState.BUSY, reason="replaced")
    )


@pytest.mark.parametrize(
    "command",
    [
        RetireAgent(id=ID),
        ChangeAgentState(id=ID, state=AgentState.IDLE),
        ChangeAgentState(id=ID, state=AgentState.RETIRED),
    ],
)
def test_retirement_is_final(command: ChangeAgentState | RetireAgent) -> None:
    given(Agent, REGISTERED, RETIRED).when(command).then_refused()


@pytest.mark.parametrize(
    "data",
    [
        {"name": ""},
        {"name": "  "},
        {"name": "x" * 201},
        {"name": "Writer", "capabilities": [""]},
        {"name": "Writer", "capabilities": ["x"] * 51},
        {"name": "Writer", "color": "red"},
        {"name": "Writer", "id": "agent"},
        {"name": "Writer", "id": "agent-/etc"},
    ],
)
def test_a_malformed_registration_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RegisterAgent.model_validate(data)

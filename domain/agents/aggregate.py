"""The rules of one agent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, assert_never

from domain.agents.commands import ChangeAgentState, RegisterAgent, RetireAgent
from domain.agents.events import AgentRegistered, AgentRetired, AgentState, AgentStateChanged
from domain.kernel import Aggregate, Facts, InvariantViolated

AgentCommand = RegisterAgent | ChangeAgentState | RetireAgent
AgentEvent = AgentRegistered | AgentStateChanged | AgentRetired


@dataclass(frozen=True, slots=True)
class Agent(Aggregate[AgentCommand, AgentEvent]):
    """An agent: changes its state freely until it retires."""

    category: ClassVar[str] = "agent"

    state: AgentState = AgentState.IDLE

    @property
    def retired(self) -> bool:
        return self.state == AgentState.RETIRED

    def decide(self, command: AgentCommand, facts: Facts) -> Sequence[AgentEvent]:
        match command:
            case RegisterAgent():
                return [AgentRegistered(name=command.name, capabilities=command.capabilities)]
            case ChangeAgentState():
                return self._change(command)
            case RetireAgent():
                self._require_service()
                return [AgentRetired(previous_state=self.state, reason=command.reason)]
            case _:
                assert_never(command)

    def evolve(self, event: AgentEvent) -> Agent:
        match event:
            case AgentRegistered():
                return self
            case AgentStateChanged():
                return replace(self, state=event.state)
            case AgentRetired():
                return replace(self, state=AgentState.RETIRED)
            case _:
                assert_never(event)

    def _change(self, command: ChangeAgentState) -> Sequence[AgentEvent]:
        self._require_service()
        if command.state == AgentState.RETIRED:
            raise InvariantViolated("an agent is retired by retireAgent, not by a change of state")
        if command.state == self.state:
            return []
        changed = AgentStateChanged(previous_state=self.state, state=command.state, reason=command.reason)
        return [changed]

    def _require_service(self) -> None:
        if self.retired:
            raise InvariantViolated("the agent is retired, which is final; register a new one")

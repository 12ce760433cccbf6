"""given_policy(policy).when(event).then(commands): tests of one policy. Pure.

    given_policy(again).when(ChoreUndone(), "chore-7").then(DoChore(id="chore-7"))

A test that fails raises AssertionError.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from domain.kernel.command import Command
from domain.kernel.event import Event
from domain.process.policy import Policy
from domain.testing.events import NOON, listed, recorded


def given_policy(policy: Policy) -> PolicyScenario:
    """Start a scenario of this policy."""
    return PolicyScenario(policy)


@dataclass(frozen=True)
class PolicyScenario:
    """A policy at a time."""

    policy: Policy
    now: datetime = NOON

    def at(self, now: datetime) -> PolicyScenario:
        """Let the event happen at this time."""
        return replace(self, now=now)

    def when(self, event: Event, stream: str | None = None) -> PolicyResult:
        """Let the event happen; raise ContextFault if the policy fails."""
        return PolicyResult(self.policy.commands(recorded(event, stream, 1, self.now)))


@dataclass(frozen=True)
class PolicyResult:
    """The commands that a policy dispatches after an event."""

    commands: Sequence[Command]

    def then(self, *expected: Command) -> None:
        """Expect exactly these commands, in this order."""
        if list(self.commands) != list(expected):
            raise AssertionError(f"dispatched {listed(self.commands)}\nand not {listed(expected)}")

    def then_nothing(self) -> None:
        """Expect no command."""
        self.then()

"""The process whose instances keep the events that a policy could not handle; see `set_aside`. Pure.

nerve registers it where there are policies. It reacts to nothing by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Never, Self

from domain.kernel.event import Event, RecordedEvent
from domain.process.context import process_context
from domain.process.policy import Policy
from domain.process.process import Process, ProcessFacts, Reaction
from domain.process.set_aside import set_aside_instance


@dataclass(frozen=True, slots=True)
class PolicyEvent(Process[Never, Never]):
    """An event that a policy could not handle: it waits for a retry, or for a decision to leave it out."""

    category = "policyevent"

    @classmethod
    def key(cls, event: RecordedEvent) -> str | None:
        return None

    def react(self, trigger: Never, facts: ProcessFacts) -> Reaction:
        return []

    def evolve(self, event: Never) -> Self:
        return self

    @classmethod
    def declared_triggers(cls) -> tuple[type[Any], ...]:
        return ()

    @classmethod
    def declared_events(cls) -> tuple[type[Event], ...]:
        return ()


context = process_context("policy_events", PolicyEvent)


def policy_instance(policy: Policy, event: RecordedEvent) -> str:
    """Return the id of the instance that keeps an event which the policy could not handle."""
    return set_aside_instance(_prefix(policy), event)


def is_of_policy(policy: Policy, instance: str) -> bool:
    """Return whether the instance keeps an event of the policy."""
    return instance.startswith(_prefix(policy))


def _prefix(policy: Policy) -> str:
    return f"{PolicyEvent.category}-{policy.name}:"

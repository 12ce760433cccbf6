"""Events that a policy could not handle: they are kept, and handled again after a retry."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from domain.kernel import Commit, RecordedEvent
from domain.kernel.errors import ContextFault
from domain.process.events import ProcessResumed, ProcessRetried, ProcessStuck
from domain.process.policy import Policy
from domain.process.policy_events import PolicyEvent, is_of_policy, policy_instance
from eventstore.log import EventLog
from subscriptions.processes.instances import InstanceKey, Instances
from subscriptions.processes.set_aside_events import SetAsideEvents

Handle = Callable[[RecordedEvent], Awaitable[bool]]
"""Handles an event again. Returns False if it was set aside again."""


class FailedPolicyEvents:
    """Keeps the events that a policy could not handle, each in an instance that is stuck."""

    def __init__(self, policy: Policy, instances: Instances, log: EventLog) -> None:
        self._policy = policy
        self._events = SetAsideEvents(instances)
        self._log = log

    async def set_aside(self, event: RecordedEvent, fault: ContextFault) -> str:
        """Keep an event; return the id of its instance."""
        instance = InstanceKey(event.commit.tenant, policy_instance(self._policy, event))
        await self._events.set_aside(instance, event, fault)
        return instance.stream

    def decided(self, commit: Commit) -> InstanceKey | None:
        """Return the instance of this policy that a person retries or resumes by this commit, if any."""
        info = commit.info
        if info is None or info.category != PolicyEvent.category:
            return None
        is_decision = any(
            isinstance(event.payload, ProcessRetried | ProcessResumed) for event in commit.events
        )
        if not is_decision or not is_of_policy(self._policy, info.stream):
            return None
        return InstanceKey(info.tenant, info.stream)

    async def go_on(self, instance: InstanceKey, handle: Handle) -> None:
        """Handle the event of an instance again after a retry, and end the instance; so does a resume."""
        if await self._events.is_stuck(instance):
            return  # It was handled after this decision, and has failed again.
        event = await self._kept_event(instance)
        if await self._events.is_left_out(instance, event) or await handle(event):
            await self._events.end(instance, event)

    async def _kept_event(self, instance: InstanceKey) -> RecordedEvent:
        history = await self._log.stream(instance.tenant, instance.stream)
        *_, stuck = [event.payload for event in history if isinstance(event.payload, ProcessStuck)]
        assert stuck.from_stream is not None
        assert stuck.from_version is not None
        (event,) = await self._log.stream(instance.tenant, stuck.from_stream, stuck.from_version - 1, 1)
        return event

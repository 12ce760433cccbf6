"""Events whose key cannot be determined: they are kept, and delivered after a retry."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from domain.kernel import RecordedEvent
from domain.kernel.errors import ContextFault
from domain.process.events import ProcessStatus
from domain.process.keys import instance_of
from domain.process.process import Process
from domain.process.unkeyed import react_to_key, react_to_key_fault, unkeyed_instance
from subscriptions.processes.instances import CommitCause, InstanceKey, Instances, React

Deliver = Callable[[InstanceKey, RecordedEvent], Awaitable[None]]
"""Lets an instance react to an event that is delivered after later ones."""


class UnkeyedEvents:
    """Finds the instances of events; one whose key fails has an instance of its own, which is stuck."""

    def __init__(self, process: type[Process[Any, Any]], instances: Instances, deliver: Deliver) -> None:
        self._process = process
        self._instances = instances
        self._deliver = deliver

    def instance_of(self, event: RecordedEvent) -> str | None:
        """Return the id of the instance that an event concerns; None if it concerns none."""
        try:
            return instance_of(self._process, event)
        except ContextFault:
            return unkeyed_instance(self._process.category, event)

    async def react(self, instance: InstanceKey, event: RecordedEvent) -> bool:
        """Deliver the event of such an instance if its key can be determined now.

        Return False if the instance is stuck. It ends when the event is delivered or a resume leaves it out.
        """
        state = await self._instances.state(instance, fresh=True)
        if state.status is ProcessStatus.STUCK:
            return False
        if not (state.status.is_final or state.has_reacted_to(event.position, event.place)):
            try:
                stream = instance_of(self._process, event)
            except ContextFault as fault:
                react = partial(react_to_key_fault, stream=instance.stream, event=event, fault=fault)
                await self._change(instance, react, event)
                return False
            if stream is not None:
                await self._deliver(InstanceKey(instance.tenant, stream), event)
        await self._change(instance, react_to_key, event)
        return True

    async def _change(self, instance: InstanceKey, react: React, event: RecordedEvent) -> None:
        command_id = f"{instance.stream}<{event.stream}:{event.version}"
        cause = CommitCause(command_id, "ReactToEvent", event.commit.correlation, event.id)
        await self._instances.change(instance, react, cause)

"""Events whose key cannot be determined: they are kept, and delivered after a retry."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from domain.kernel import RecordedEvent
from domain.kernel.errors import ContextFault
from domain.process.keys import instance_of
from domain.process.process import Process
from domain.process.unkeyed import unkeyed_instance
from subscriptions.processes.instances import InstanceKey, Instances
from subscriptions.processes.set_aside_events import SetAsideEvents

Deliver = Callable[[InstanceKey, RecordedEvent], Awaitable[None]]
"""Lets an instance react to an event that is delivered after later ones."""


class UnkeyedEvents:
    """Finds the instances of events; one whose key fails has an instance of its own, which is stuck.

    So has an event that cannot be read: its key cannot be determined either.
    """

    def __init__(self, process: type[Process[Any, Any]], instances: Instances, deliver: Deliver) -> None:
        self._process = process
        self._events = SetAsideEvents(instances)
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
        if await self._events.is_stuck(instance):
            return False
        if not await self._events.is_left_out(instance, event):
            try:
                stream = instance_of(self._process, event)
            except ContextFault as fault:
                await self._events.set_aside(instance, event, fault)
                return False
            if stream is not None:
                await self._deliver(InstanceKey(instance.tenant, stream), event)
        await self._events.end(instance, event)
        return True

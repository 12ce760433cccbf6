"""Events that cannot be handled: an instance of its own keeps each of them, and is stuck until a decision."""

from __future__ import annotations

from functools import partial

from domain.kernel import RecordedEvent
from domain.kernel.errors import ContextFault
from domain.process.events import ProcessStatus
from domain.process.set_aside import end_set_aside, set_aside
from subscriptions.processes.instances import CommitCause, InstanceKey, Instances, React


class SetAsideEvents:
    """Changes the instances that keep events."""

    def __init__(self, instances: Instances) -> None:
        self._instances = instances

    async def set_aside(self, instance: InstanceKey, event: RecordedEvent, fault: ContextFault) -> None:
        """Keep an event that cannot be handled: its instance is stuck with the error."""
        react = partial(set_aside, stream=instance.stream, event=event, fault=fault)
        await self._change(instance, react, event)

    async def is_stuck(self, instance: InstanceKey) -> bool:
        """Return whether the event waits for a decision."""
        return (await self._instances.state(instance, fresh=True)).status is ProcessStatus.STUCK

    async def is_left_out(self, instance: InstanceKey, event: RecordedEvent) -> bool:
        """Return whether the instance has ended, or goes on without its event."""
        state = await self._instances.state(instance, fresh=True)
        return state.status.is_final or state.has_reacted_to(event.position, event.place)

    async def end(self, instance: InstanceKey, event: RecordedEvent) -> None:
        """End the instance, because its event was handled or is left out."""
        await self._change(instance, end_set_aside, event)

    async def _change(self, instance: InstanceKey, react: React, event: RecordedEvent) -> None:
        command_id = f"{instance.stream}<{event.stream}:{event.version}"
        cause = CommitCause(command_id, "ReactToEvent", event.commit.correlation, event.id, event.commit.span)
        await self._instances.change(instance, react, cause)

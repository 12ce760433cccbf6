"""Reactions of instances to events of other streams, and the events that wait for a reaction."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from domain.kernel import RecordedEvent
from domain.process.advance import Advance
from domain.process.context import ProcessContext
from domain.process.events import ProcessStatus, ProcessStuck
from domain.process.instance_state import InstanceState
from domain.process.reacting import react_to_event
from domain.process.set_aside import stuck_at
from domain.process.unkeyed import is_unkeyed
from subscriptions.processes.channels import parked_trigger
from subscriptions.processes.instances import CommitCause, InstanceChange, InstanceKey
from subscriptions.processes.open_work import OpenWork
from subscriptions.processes.process_parts import ProcessParts
from subscriptions.processes.triggers import Triggers
from subscriptions.processes.unkeyed_events import UnkeyedEvents

PAGE = 100
"""Parked triggers that are read at once."""


class Reactions:
    """The reactions of the instances in one partition of a process.

    A trigger is parked in `open_work` while its instance is stuck. `head` is that of the log when the work
    began: up to there, another worker may have reacted to events after the checkpoint. `follow` is called
    with each change that was stored.
    """

    def __init__(
        self,
        context: ProcessContext,
        parts: ProcessParts,
        triggers: Triggers,
        open_work: OpenWork,
        head: int,
        follow: Callable[[InstanceChange], None],
    ) -> None:
        self._category = context.category
        self._log = parts.log
        self._instances = parts.instances
        self._clock = parts.clock
        self._triggers = triggers
        self._open_work = open_work
        self._head = head
        self._follow = follow
        self._parked: set[InstanceKey] = set()
        self.unkeyed = UnkeyedEvents(context.process, parts.instances, partial(self.react, late=True))

    async def begin(self) -> None:
        """React to the triggers that wait for instances which have gone on since."""
        self._parked = await self._open_work.instances_with_triggers()
        for instance in list(self._parked):
            await self.unpark(instance)

    async def react(self, instance: InstanceKey, event: RecordedEvent, *, late: bool = False) -> None:
        """React to an event, or park it if the instance cannot react now.

        With `late` the event is delivered after later ones.
        """
        if instance in self._parked and not await self._is_stuck(instance):
            await self.unpark(instance)
        if instance in self._parked or not await self._try(instance, event, late=late):
            self._parked.add(instance)
            await self._open_work.save([parked_trigger(instance, event)], ())

    async def unpark(self, instance: InstanceKey) -> None:
        """React to the parked triggers of an instance, in their order, until none is left or it is stuck."""
        while works := await self._open_work.parked(instance, PAGE):
            done: list[tuple[InstanceKey, str]] = []
            for work in works:
                (event,) = await self._log.stream(instance.tenant, work.stream, work.version - 1, 1)
                if self._triggers.match(event) and not await self._try(instance, event):
                    break
                done.append((instance, work.id))
            await self._open_work.save((), done)
            if len(done) < len(works):
                return
        self._parked.discard(instance)

    async def _is_stuck(self, instance: InstanceKey) -> bool:
        return (await self._instances.state(instance)).status is ProcessStatus.STUCK

    async def _try(self, instance: InstanceKey, event: RecordedEvent, *, late: bool = False) -> bool:
        """React to an event. Return False if the instance is stuck, or has become so by this event."""
        if is_unkeyed(instance.stream):
            return await self.unkeyed.react(instance, event)
        change = await self._change(instance, event, late=late)
        if not change.events and await self._is_behind(instance, change.after, event):
            change = await self._change(instance, event, late=True)
        if change.events:
            self._follow(change)
            return ProcessStuck not in [type(new.event) for new in change.events]
        return change.after.status is not ProcessStatus.STUCK or change.after.has_reacted_to(
            event.position, event.place
        )

    async def _is_behind(self, instance: InstanceKey, state: InstanceState, event: RecordedEvent) -> bool:
        """Return whether an event that the instance seems to have reacted to is behind its last commit.

        So it is new: the instance has the position from a longer log, from which it was restored.
        """
        if not state.has_reacted_to(event.position, event.place):
            return False
        last = await self._log.stream(instance.tenant, instance.stream, state.version - 1, 1)
        return bool(last) and last[0].position < event.position

    async def _change(
        self, instance: InstanceKey, event: RecordedEvent, *, late: bool = False
    ) -> InstanceChange:
        def react(state: Any) -> Advance:
            return react_to_event(state, event, instance.stream, self._clock(), late=late)

        command_id = f"{instance.stream}<{event.stream}:{event.version}"
        cause = CommitCause(command_id, "ReactToEvent", event.commit.correlation, event.id, event.commit.span)
        is_first, stuck = self._is_first(instance, event), partial(stuck_at, event)
        return await self._instances.change(instance, react, cause, is_probably_new=is_first, stuck=stuck)

    def _is_first(self, instance: InstanceKey, event: RecordedEvent) -> bool:
        """Return whether an event is most probably the first one that concerns the instance."""
        has_own_stream = instance.stream == f"{self._category}-{event.stream}"
        return event.version == 1 and has_own_stream and event.position > self._head

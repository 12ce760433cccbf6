"""The work on one partition of a process: reactions to the log, and what follows from them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

from domain.kernel import Commit, RecordedEvent
from domain.process.advance import Advance
from domain.process.context import ProcessContext
from domain.process.effect_ids import effect_id
from domain.process.events import (
    ProcessCancelled,
    ProcessCompensated,
    ProcessCompleted,
    ProcessFailed,
    ProcessResumed,
    ProcessRetried,
    ProcessStatus,
    ProcessStuck,
)
from domain.process.instance_state import InstanceState
from domain.process.process import trigger_classes
from domain.process.reacting import react_to_event
from domain.process.set_aside import stuck_at
from domain.process.unkeyed import is_unkeyed
from subscriptions.consumers.checkpoints import Checkpoint
from subscriptions.consumers.state import Partition
from subscriptions.feed.position_waiters import PositionWaiters
from subscriptions.processes.agenda import Agenda
from subscriptions.processes.call_effects import CallEffects
from subscriptions.processes.channels import REQUESTS, Channels, parked_trigger
from subscriptions.processes.child_effects import ChildEffects
from subscriptions.processes.command_effects import CommandEffects
from subscriptions.processes.effect_runner import EffectRunner, open_request
from subscriptions.processes.held_work import EffectRequest
from subscriptions.processes.instances import CommitCause, InstanceChange, InstanceKey
from subscriptions.processes.open_work import OpenWork, share_key
from subscriptions.processes.outcome_recorder import OutcomeRecorder
from subscriptions.processes.process_parts import ProcessParts
from subscriptions.processes.triggers import Triggers
from subscriptions.processes.unkeyed_events import UnkeyedEvents

PAGE = 100
"""Parked triggers that are read at once."""

_DECISIONS = (ProcessRetried, ProcessResumed, ProcessCancelled)
_ENDS = (ProcessCompleted, ProcessFailed, ProcessCompensated, ProcessCancelled)


class ProcessSession:
    """Handles the log for one partition of a process; the handler of its durable consumer.

    Events lead to reactions here and now, events of an instance in their order. What the instances ask for is
    done by the agenda, while the log goes on.
    """

    def __init__(self, context: ProcessContext, parts: ProcessParts) -> None:
        self._process = context.process
        self._category = context.category
        name = f"the process {self._category!r}"
        self._triggers = Triggers(name, trigger_classes(context.process), parts.clock)
        self._parts = parts
        self._instances = parts.instances
        self._channels = Channels(parts.circuits)
        deliver_late = partial(self._trigger, late=True)
        self._unkeyed = UnkeyedEvents(context.process, parts.instances, deliver_late)
        self._set_up(Partition())

    def _set_up(self, partition: Partition) -> None:
        parts = self._parts
        self._partition = partition
        self._handled = PositionWaiters()
        self._head_at_begin = 0
        self._parked: set[InstanceKey] = set()
        self._open_work = OpenWork(parts.database, self._category, partition)
        recorder = OutcomeRecorder(parts.instances, parts.clock, parts.meter, self._follow)
        self._children = ChildEffects(
            parts.processes, parts.catalog, parts.log, parts.instances, recorder, parts.clock
        )
        runner = EffectRunner(
            parts.log,
            parts.instances,
            recorder,
            CommandEffects(
                self._process, parts.catalog, parts.bus, parts.instances, recorder, self._handled, parts.meter
            ),
            CallEffects(parts.circuits, recorder, parts.meter, lambda: self._agenda.now),
            self._children,
        )
        perform = parts.wrap_perform(runner.perform)
        self._agenda = Agenda(self._open_work, self._channels.limits, perform, parts.clock)

    @property
    def held(self) -> int:
        """The number of effects and deadlines in memory."""
        return self._agenda.size

    async def begin(self, checkpoint: Checkpoint) -> None:
        """Take up the work that was left open."""
        self._set_up(checkpoint.partition)
        self._handled.notify(checkpoint.position)
        # Up to here, another worker may have reacted to events after the checkpoint.
        self._head_at_begin = await self._parts.log.head()
        await self._open_work.prepare()
        self._parked = await self._open_work.instances_with_triggers()
        await self._agenda.start()
        for instance in list(self._parked):
            await self._unpark(instance)

    async def end(self) -> None:
        """Stop; what is open is left to the next session."""
        await self._agenda.stop()

    async def settle(self, position: int) -> int:
        """Return the position up to which nothing is open but what MongoDB has."""
        return await self._agenda.settle(position)

    async def handle(self, commits: Sequence[Commit]) -> bool:
        """React to a batch. Raises Unavailable or Overloaded."""
        groups = self._by_instance(commits)
        handled = [self._handle(instance, items) for instance, items in groups.items()]
        if len(handled) == 1:
            await handled[0]
        elif handled:
            results = await asyncio.gather(*handled, return_exceptions=True)
            for result in results:
                if isinstance(result, BaseException):
                    raise result
        self._handled.notify(commits[-1].position)
        # Nothing waits for the checkpoint, which is saved now and then.
        return False

    def _by_instance(self, commits: Sequence[Commit]) -> dict[InstanceKey, list[Commit | RecordedEvent]]:
        """Return what concerns each instance of this partition: triggers, and its own commits."""
        groups: dict[InstanceKey, list[Commit | RecordedEvent]] = {}
        for commit in commits:
            info = commit.info
            if info is None or info.restored:
                continue  # What another log has recorded leads to nothing here.
            if info.category == self._category and self._is_news(commit):
                self._group(groups, InstanceKey(info.tenant, info.stream), commit)
            for event in commit.events:
                if self._triggers.match(event):
                    stream = self._unkeyed.instance_of(event)
                    if stream is not None:
                        self._group(groups, InstanceKey(info.tenant, stream), event)
        return groups

    def _group(
        self,
        groups: dict[InstanceKey, list[Commit | RecordedEvent]],
        instance: InstanceKey,
        item: Commit | RecordedEvent,
    ) -> None:
        if self._partition.contains(share_key(instance)):
            groups.setdefault(instance, []).append(item)

    def _is_news(self, commit: Commit) -> bool:
        """Return whether an own commit may ask for anything that the agenda does not have."""
        for event in commit.events:
            payload = event.payload
            if isinstance(payload, REQUESTS):
                instance = InstanceKey(event.commit.tenant, event.stream)
                if not self._agenda.has(instance, effect_id(event.stream, event.version)):
                    return True
            elif isinstance(payload, (*_DECISIONS, *_ENDS)):
                return True
        return False

    async def _handle(self, instance: InstanceKey, items: Sequence[Commit | RecordedEvent]) -> None:
        for item in items:
            if isinstance(item, Commit):
                await self._observe(instance, item)
            else:
                await self._trigger(instance, item)

    async def _trigger(self, instance: InstanceKey, event: RecordedEvent, *, late: bool = False) -> None:
        """React to an event, or park it if the instance cannot react now."""
        if instance in self._parked and not await self._is_stuck(instance):
            await self._unpark(instance)
        if instance in self._parked or not await self._react(instance, event, late=late):
            self._parked.add(instance)
            await self._open_work.save([parked_trigger(instance, event)], ())

    async def _is_stuck(self, instance: InstanceKey) -> bool:
        return (await self._instances.state(instance)).status is ProcessStatus.STUCK

    async def _react(self, instance: InstanceKey, event: RecordedEvent, *, late: bool = False) -> bool:
        """React to an event. Return False if the instance is stuck, or has become so by this event."""
        if is_unkeyed(instance.stream):
            return await self._unkeyed.react(instance, event)
        change = await self._change(instance, event, late=late)
        if not change.events and await self._is_behind(instance, change.after, event):
            change = await self._change(instance, event, late=True)
        if change.events:
            self._follow(change)
            return not any(isinstance(new.event, ProcessStuck) for new in change.events)
        return change.after.status is not ProcessStatus.STUCK or change.after.has_reacted_to(
            event.position, event.place
        )

    async def _is_behind(self, instance: InstanceKey, state: InstanceState, event: RecordedEvent) -> bool:
        """Return whether an event that the instance seems to have reacted to is behind its last commit.

        So it is new: the instance has the position from a longer log, from which it was restored.
        """
        if not state.has_reacted_to(event.position, event.place):
            return False
        last = await self._parts.log.stream(instance.tenant, instance.stream, state.version - 1, 1)
        return bool(last) and last[0].position < event.position

    async def _change(
        self, instance: InstanceKey, event: RecordedEvent, *, late: bool = False
    ) -> InstanceChange:
        def react(state: Any) -> Advance:
            return react_to_event(state, event, instance.stream, self._parts.clock(), late=late)

        command_id = f"{instance.stream}<{event.stream}:{event.version}"
        cause = CommitCause(command_id, "ReactToEvent", event.commit.correlation, event.id, event.commit.span)
        is_first, stuck = self._is_first(instance, event), partial(stuck_at, event)
        return await self._instances.change(instance, react, cause, is_probably_new=is_first, stuck=stuck)

    def _is_first(self, instance: InstanceKey, event: RecordedEvent) -> bool:
        """Return whether an event is most probably the first one that concerns the instance."""
        is_redelivered = event.position <= self._head_at_begin
        has_own_stream = instance.stream == f"{self._category}-{event.stream}"
        return event.version == 1 and has_own_stream and not is_redelivered

    async def _unpark(self, instance: InstanceKey) -> None:
        """React to the parked triggers of an instance, in their order, until none is left or it is stuck."""
        log, tenant = self._parts.log, instance.tenant
        while works := await self._open_work.parked(instance, PAGE):
            done: list[tuple[InstanceKey, str]] = []
            for work in works:
                (event,) = await log.stream(tenant, work.stream, work.version - 1, 1)
                if self._triggers.match(event) and not await self._react(instance, event):
                    break
                done.append((instance, work.id))
            await self._open_work.save((), done)
            if len(done) < len(works):
                return
        self._parked.discard(instance)

    async def _observe(self, instance: InstanceKey, commit: Commit) -> None:
        """Do what an own commit asks for, unless it is done already."""
        payloads = [event.payload for event in commit.events]
        last = commit.events[-1]
        state = await self._instances.state(instance, last.version)
        if any(isinstance(payload, _DECISIONS) for payload in payloads):
            await self._go_on(instance, state)
        else:
            self._add_open(instance, state, commit.events)
        if any(isinstance(payload, _ENDS) for payload in payloads) and state.status.is_final:
            results = [payload.result for payload in payloads if isinstance(payload, ProcessCompleted)]
            result = results[0] if results else None
            await self._children.report_end(instance, state, result, last.id, last.commit.correlation)

    async def _go_on(self, instance: InstanceKey, state: InstanceState) -> None:
        """Do what was left undone while an instance was stuck, and what a decision about it leads to."""
        version, log = 0, self._parts.log
        while events := await log.stream(instance.tenant, instance.stream, version, log.options.stream_page):
            version = events[-1].version
            self._add_open(instance, state, events)
        await self._unpark(instance)

    def _add_open(self, instance: InstanceKey, state: InstanceState, events: Sequence[RecordedEvent]) -> None:
        """Do what these events of an instance ask for, as far as it is open."""
        for event in events:
            if isinstance(event.payload, REQUESTS):
                work = self._channels.requested_work(
                    instance, event.payload, event.version, event.position, event.commit.correlation
                )
                request = open_request(state, work.id, event)
                if request is not None:
                    self._agenda.add(work, request)

    def _follow(self, change: InstanceChange) -> None:
        """Begin what a change of an instance asks for, and end what it settles."""
        self._parts.meter.step(self._category)
        opened, closed = _open_effects(change.after), _open_effects(change.before)
        for effect in closed - opened:
            self._agenda.remove(change.instance, effect)
        if not opened or change.after.status is ProcessStatus.STUCK:
            return
        for version, new in change.versions():
            if isinstance(new.event, REQUESTS):
                work = self._channels.requested_work(
                    change.instance, new.event, version, change.position, change.correlation
                )
                if work.id in opened:
                    self._agenda.add(work, EffectRequest(new.id, new.event))


def _open_effects(state: InstanceState) -> set[str]:
    return {*state.pending, *(deadline.effect for deadline in state.deadlines.values())}

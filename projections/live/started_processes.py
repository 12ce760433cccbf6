"""The instances of processes that a commit has started, followed until they end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import NamedTuple

from domain.kernel import Commit, Json, RecordedEvent
from domain.kernel.errors import ContextFault
from domain.process.context import ProcessContext
from domain.process.events import (
    CompensationStarted,
    ProcessCancelled,
    ProcessCompensated,
    ProcessCompleted,
    ProcessFailed,
    ProcessReacted,
    ProcessStatus,
    ProcessStuck,
)
from domain.process.keys import instance_of
from domain.process.process import trigger_classes
from eventstore.log import EventLog
from eventstore.place import Place
from eventstore.reading.event_query import EventQuery
from subscriptions.consumers.checkpoints import Checkpoints
from subscriptions.feed.background import Backoff
from subscriptions.live.event_hub import EventHub, EventMessage
from subscriptions.live.messages import Lagged
from subscriptions.processes.worker import consumer_name

FIRST_EVENTS = 2
"""Events of an instance that show what has started it."""


class InstanceEnd(NamedTuple):
    """The end of an instance, with its final state; `reason` is that of a failure or a compensation."""

    instance: str
    status: ProcessStatus
    reason: str | None
    result: Json | None
    place: Place


class StartedProcesses:
    """Finds and follows instances; `processes` are all processes, by category.

    `pause` is the longest time in seconds between two looks whether a process has reacted to a commit.
    """

    def __init__(
        self,
        processes: Mapping[str, ProcessContext],
        log: EventLog,
        hub: EventHub,
        checkpoints: Checkpoints,
        pause: float,
    ) -> None:
        self._processes = processes
        self._log = log
        self._hub = hub
        self._checkpoints = checkpoints
        self._pause = pause

    def candidates(self, commit: Commit) -> Sequence[str]:
        """Return the instances that the events of a commit concern; some of them may be started by others."""
        instances: dict[str, None] = {}
        for context in self._processes.values():
            triggers = trigger_classes(context.process)
            for event in commit.events:
                if isinstance(event.payload, triggers) and (instance := _instance(context, event)):
                    instances[instance] = None
        return list(instances)

    async def end(self, commit: Commit, instance: str) -> InstanceEnd | None:
        """Wait until the instance has ended; return None if the commit has not started it.

        Raises Unavailable.
        """
        assert commit.info is not None
        tenant = commit.info.tenant
        first = await self._first_events(tenant, instance, commit.position)
        if not any(_starting_position(event) == commit.position for event in first):
            return None
        query, place = EventQuery(streams=[instance]), Place(commit.position)
        progress = _Progress(instance)
        while True:
            async with aclosing(self._hub.watch(tenant, query, place)) as messages:
                async for message in messages:
                    if isinstance(message, EventMessage):
                        progress = progress.after(message.event)
                        if progress.status is not None:
                            return progress.end(message.place)
                    elif isinstance(message, Lagged):
                        place = message.resume_after

    async def _first_events(self, tenant: str, instance: str, position: int) -> Sequence[RecordedEvent]:
        """Return the first events of an instance; none if the process has not reacted to this position."""
        consumer, backoff = consumer_name(instance.partition("-")[0]), Backoff(cap=self._pause)
        while True:
            reached = await self._checkpoints.position(consumer)
            events = await self._log.stream(tenant, instance, limit=FIRST_EVENTS)
            if events or reached >= position:
                return events
            await asyncio.sleep(backoff.pause())


@dataclass(frozen=True, slots=True)
class _Progress:
    """What is known of an instance; `status` is None until it has ended."""

    instance: str
    status: ProcessStatus | None = None
    reason: str | None = None
    result: Json | None = None

    def after(self, event: RecordedEvent) -> _Progress:
        match event.payload:
            case CompensationStarted(reason=reason) | ProcessCancelled(reason=reason, compensate=True):
                return replace(self, reason=reason)
            case ProcessCancelled(reason=reason):
                return replace(self, status=ProcessStatus.CANCELLED, reason=reason)
            case ProcessFailed(reason=reason):
                return replace(self, status=ProcessStatus.FAILED, reason=reason)
            case ProcessCompensated():
                return replace(self, status=ProcessStatus.COMPENSATED)
            case ProcessCompleted(result=result):
                return replace(self, status=ProcessStatus.COMPLETED, result=result)
        return self

    def end(self, place: Place) -> InstanceEnd:
        assert self.status is not None
        return InstanceEnd(self.instance, self.status, self.reason, self.result, place)


def _instance(context: ProcessContext, event: RecordedEvent) -> str | None:
    """Return the instance of an event; None if the process's key fails, which its runtime reports."""
    try:
        return instance_of(context.process, event)
    except ContextFault:
        return None


def _starting_position(event: RecordedEvent) -> int | None:
    """Return the position of the event that an own event of an instance reacts to; None if it does not."""
    payload = event.payload
    return payload.from_position if isinstance(payload, ProcessReacted | ProcessStuck) else None

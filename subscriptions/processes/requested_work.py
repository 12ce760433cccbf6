"""What the instances of a process ask for: from their own commits to the agenda."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from domain.kernel import Commit, Event, RecordedEvent
from domain.process.effect_ids import effect_id
from domain.process.events import (
    ProcessCancelled,
    ProcessCompensated,
    ProcessCompleted,
    ProcessFailed,
    ProcessResumed,
    ProcessRetried,
    ProcessStatus,
)
from domain.process.instance_state import InstanceState
from subscriptions.processes.agenda import Agenda
from subscriptions.processes.channels import REQUESTS, Channels
from subscriptions.processes.child_effects import ChildEffects
from subscriptions.processes.effect_runner import open_request
from subscriptions.processes.held_work import EffectRequest
from subscriptions.processes.instances import InstanceChange, InstanceKey
from subscriptions.processes.process_parts import ProcessParts

_DECISIONS = frozenset[type[Event] | None]((ProcessRetried, ProcessResumed, ProcessCancelled))
_ENDS = frozenset[type[Event] | None]((ProcessCompleted, ProcessFailed, ProcessCompensated, ProcessCancelled))
_DECISIONS_AND_ENDS = _DECISIONS | _ENDS


class RequestedWork:
    """Has the agenda do what the instances in one partition of a process ask for.

    `head` is that of the log when the work began: what is asked for up to there was left by an earlier
    session. `go_on` is called with an instance about which a person has decided.
    """

    def __init__(
        self,
        category: str,
        parts: ProcessParts,
        channels: Channels,
        agenda: Agenda,
        children: ChildEffects,
        head: int,
        go_on: Callable[[InstanceKey], Awaitable[None]],
    ) -> None:
        self._category = category
        self._log = parts.log
        self._instances = parts.instances
        self._meter = parts.meter
        self._channels = channels
        self._agenda = agenda
        self._children = children
        self._head = head
        self._go_on = go_on

    def is_news(self, commit: Commit) -> bool:
        """Return whether a commit of an instance may ask for anything that the agenda does not have."""
        for event in commit.events:
            kind = _class_of(event)
            if kind in REQUESTS:
                instance = InstanceKey(event.commit.tenant, event.stream)
                if not self._agenda.has(instance, effect_id(event.stream, event.version)):
                    return True
            elif kind in _DECISIONS_AND_ENDS:
                return True
        return False

    async def observe(self, instance: InstanceKey, commit: Commit) -> None:
        """Do what a commit of an instance asks for, unless it is done already."""
        payloads = [event.payload for event in commit.events]
        classes = set(map(_class_of, commit.events))
        last = commit.events[-1]
        state = await self._instances.state(instance, last.version)
        if not classes.isdisjoint(_DECISIONS):
            await self._add_all_open(instance, state)
            await self._go_on(instance)
        else:
            self._add_open(instance, state, commit.events)
        if not classes.isdisjoint(_ENDS) and state.status.is_final:
            results = [payload.result for payload in payloads if isinstance(payload, ProcessCompleted)]
            result = results[0] if results else None
            await self._children.report_end(instance, state, result, last.id, last.commit.correlation)

    def follow(self, change: InstanceChange) -> None:
        """Begin what a change of an instance asks for, and end what it settles."""
        self._meter.step(self._category)
        opened, closed = _open_effects(change.after), _open_effects(change.before)
        for effect in closed - opened:
            self._agenda.remove(change.instance, effect)
        if not opened or change.after.status is ProcessStatus.STUCK:
            return
        for version, new in change.versions():
            if type(new.event) in REQUESTS:
                work = self._channels.requested_work(
                    change.instance, new.event, version, change.position, change.correlation
                )
                if work.id in opened:
                    self._agenda.add(work, EffectRequest(new.id, new.event).to_hold)

    async def _add_all_open(self, instance: InstanceKey, state: InstanceState) -> None:
        """Do what was left undone while an instance was stuck."""
        version, log = 0, self._log
        while events := await log.stream(instance.tenant, instance.stream, version, log.options.stream_page):
            version = events[-1].version
            self._add_open(instance, state, events)

    def _add_open(self, instance: InstanceKey, state: InstanceState, events: Sequence[RecordedEvent]) -> None:
        """Do what these events of an instance ask for, as far as it is open."""
        for event in events:
            if event.payload is not None and _class_of(event) in REQUESTS:
                work = self._channels.requested_work(
                    instance, event.payload, event.version, event.position, event.commit.correlation
                )
                request = open_request(state, work.id, event)
                if request is not None:
                    self._agenda.add(work, request.to_hold, was_left=event.position <= self._head)


def _open_effects(state: InstanceState) -> set[str]:
    return {*state.pending, *(deadline.effect for deadline in state.deadlines.values())}


def _class_of(event: RecordedEvent) -> type[Event] | None:
    """Return the class of a recorded event; None if it cannot be read."""
    return None if event.payload is None else type(event.payload)

"""The instances of processes: they are loaded, and their reactions appended, one at a time for each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

from domain.dispatch.ports import Clock, CommandLog, IdSource, LoadedState, NewCommit
from domain.kernel import Event, Receipt
from domain.kernel.errors import (
    ConcurrencyConflict,
    ContextFault,
    PersonalDataRefused,
    UnfitValue,
    ValidationFailed,
)
from domain.kernel.event import NewEvent
from domain.kernel.personal import without_subject
from domain.process.advance import Advance, advance
from domain.process.context import ProcessContext
from domain.process.effect_ids import bounded_id
from domain.process.events import ProcessStarted, ProcessStuck
from domain.process.instance import Instance, instance_class
from domain.process.instance_state import InstanceState
from eventstore.aggregates.repository import AggregateRepository


class InstanceKey(NamedTuple):
    """Identifies an instance."""

    tenant: str
    stream: str

    @property
    def category(self) -> str:
        """The category of the process."""
        return self.stream.partition("-")[0]


class CommitCause(NamedTuple):
    """The cause of a commit of an instance: the ids and the span that the commit carries.

    `name` stands in the commit in the place of a command's name.
    """

    command_id: str
    name: str
    correlation: str
    causation: str | None
    span: bytes | None = None


class InstanceChange(NamedTuple):
    """The change of an instance by a reaction: the states before and after it, and the stored events."""

    instance: InstanceKey
    before: InstanceState
    after: InstanceState
    correlation: str
    events: Sequence[NewEvent] = ()
    position: int = 0

    def versions(self) -> Sequence[tuple[int, NewEvent]]:
        """Return the events with their versions."""
        return list(enumerate(self.events, self.before.version + 1))


class CommandAlreadyStored(Exception):
    """The command id of a commit of an instance is that of a commit of another stream."""

    def __init__(self, receipt: Receipt) -> None:
        super().__init__(receipt.command_id)
        self.receipt = receipt


def _stuck(fault: ContextFault) -> ProcessStuck:
    return ProcessStuck(reason=str(fault), code=fault.code)


React = Callable[[Any], Advance]
"""Returns the advance that follows in the state of an instance."""


class Instances:
    """Loads and changes instances of the processes, which are given by category.

    Changes of an instance by this process wait for each other; the version guard orders those of others.
    """

    def __init__(
        self,
        processes: Mapping[str, ProcessContext],
        log: CommandLog,
        aggregates: AggregateRepository,
        clock: Clock,
        ids: IdSource,
    ) -> None:
        self._processes = processes
        self._log = log
        self._aggregates = aggregates
        self._clock = clock
        self._ids = ids
        self._locks: WeakValueDictionary[InstanceKey, asyncio.Lock] = WeakValueDictionary()

    async def state(self, instance: InstanceKey, version: int = 0, *, fresh: bool = False) -> InstanceState:
        """Return what nerve keeps of an instance, at this version at least. Raises Unavailable.

        With `fresh` it has all events that were acknowledged before the call.
        """
        loaded = await self._load(instance, fresh=fresh)
        if loaded.version < version and not loaded.fresh:
            loaded = await self._load(instance, fresh=True)
        return loaded.state.kept

    async def change(
        self,
        instance: InstanceKey,
        react: React,
        cause: CommitCause,
        *,
        trust_cache: bool = False,
        is_probably_new: bool = False,
        stuck: Callable[[ContextFault], ProcessStuck] = _stuck,
    ) -> InstanceChange:
        """Append the events that `react` returns in the latest state of the instance, as one commit.

        If they cannot be stored, the event that `stuck` returns is appended instead. Personal data of a
        subject who was erased meanwhile is left out. With `trust_cache` no events in a cached state means
        that there is nothing to do. For `is_probably_new` see `AggregateRepository.load`.

        Raises CommandAlreadyStored, Unavailable or Overloaded, and PersonalDataRefused without a master key.
        """
        lock = self._locks.get(instance)
        if lock is None:
            lock = self._locks[instance] = asyncio.Lock()
        async with lock:
            loaded = await self._load(instance, is_probably_new=is_probably_new)
            while True:
                reaction = react(loaded.state)
                if reaction.events:
                    try:
                        return await self._append_storable(instance, loaded.state, reaction, cause, stuck)
                    except ConcurrencyConflict:
                        pass
                elif loaded.fresh or trust_cache:
                    kept = loaded.state.kept
                    return InstanceChange(instance, kept, kept, cause.correlation)
                loaded = await self._load(instance, fresh=True, is_probably_new=is_probably_new)

    async def _load(
        self, instance: InstanceKey, *, fresh: bool = False, is_probably_new: bool = False
    ) -> LoadedState[Instance]:
        kind = instance_class(self._processes[instance.category].process)
        return await self._aggregates.load(
            instance.tenant, instance.stream, kind, fresh=fresh, is_probably_new=is_probably_new
        )

    async def _append_storable(
        self,
        instance: InstanceKey,
        state: Instance,
        reaction: Advance,
        cause: CommitCause,
        stuck: Callable[[ContextFault], ProcessStuck],
    ) -> InstanceChange:
        try:
            return await self._append(instance, state.kept, reaction, cause)
        except PersonalDataRefused as refusal:
            if refusal.erased is None:
                raise
            erased = [without_subject(event, instance.stream, refusal.erased) for event in reaction.events]
            return await self._append_storable(instance, state, advance(state, *erased), cause, stuck)
        except (ValidationFailed, UnfitValue) as error:
            fault = ContextFault(f"{instance.stream} leads to events that cannot be stored: {error}")
            return await self._append(
                instance, state.kept, _failed(state, reaction.events, stuck(fault)), cause
            )

    async def _append(
        self,
        instance: InstanceKey,
        before: InstanceState,
        reaction: Advance,
        cause: CommitCause,
    ) -> InstanceChange:
        events, after = reaction
        commit = NewCommit(
            tenant=instance.tenant,
            stream=instance.stream,
            category=instance.category,
            expected=before.version,
            events=tuple([NewEvent(self._ids("evt"), event) for event in events]),
            command_id=_command_id(cause, events, before.version),
            command=cause.name,
            correlation=cause.correlation,
            causation=cause.causation,
            actor=None,
            source=None,
            at=self._clock(),
            occurred=None,
            authentication="process",
            span=cause.span,
        )
        receipt = await self._log.append(commit)
        if receipt.replayed:
            if receipt.stream == instance.stream:
                if receipt.version <= before.version:
                    # The state has it, though it does not show: it was restored from another log.
                    return InstanceChange(instance, before, before, cause.correlation)
                raise ConcurrencyConflict(instance.stream, before.version, receipt.version)
            raise CommandAlreadyStored(receipt)
        self._aggregates.remember(instance.tenant, instance.stream, after, receipt.version)
        return InstanceChange(
            instance, before, after.kept, cause.correlation, commit.events, receipt.position
        )


def _failed(state: Instance, events: Sequence[Event], stuck: ProcessStuck) -> Advance:
    """Return the advance of an instance that is stuck instead of having these events."""
    start = [event for event in events if isinstance(event, ProcessStarted)]
    return advance(state, *start, stuck)


def _command_id(cause: CommitCause, events: Sequence[Event], version: int) -> str:
    """Return the id of the commit; after a retry the same cause may make the instance stuck once more."""
    if ProcessStuck in map(type, events):
        return bounded_id(f"{cause.command_id}:{version}")
    return bounded_id(cause.command_id)

"""The state of a stream from what the log holds: its snapshot, and the events since."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from domain.kernel import Aggregate, Event, RecordedEvent
from domain.kernel.errors import Unavailable
from domain.kernel.unreadable import describe_unreadable
from eventstore.aggregates.snapshots import Snapshot, Snapshots
from eventstore.log import EventLog
from eventstore.reading.stream_reader import PAGE

logger = logging.getLogger(__name__)

A = TypeVar("A", bound=Aggregate[Any, Any])

WAITING = 256
"""Streams that wait for a new snapshot at most; what does not fit has another chance with later events."""


class RebuiltAggregate(NamedTuple, Generic[A]):
    """A state and the version it is at; `snapshot` is the version of the snapshot that it began with."""

    state: A
    version: int
    snapshot: int


class AggregateRebuilder:
    """Rebuilds states, and writes snapshots behind those who load, one after another.

    A stream has a new snapshot whenever it is found `every` events or more beyond its last one. Snapshots are
    made of what was read from the log alone, never of a state that a process holds.
    """

    def __init__(self, log: EventLog, snapshots: Snapshots | None = None, every: int = 50) -> None:
        self._log = log
        self._snapshots = snapshots
        self._every = every
        self._waiting: dict[tuple[str, str], Snapshot[Any] | type[Aggregate[Any, Any]]] = {}
        self._writing: asyncio.Task[None] | None = None

    async def rebuild(self, tenant: str, stream: str, kind: type[A]) -> RebuiltAggregate[A]:
        """The state of the stream, with all that was acknowledged before the call.

        Raises Unavailable, also where the stream holds an event that this process cannot read.
        """
        from_snapshot = await self._from_snapshot(tenant, stream, kind)
        begin, end = from_snapshot or await self._from_zero(tenant, stream, kind)
        if self.is_due(end.version, begin.version):
            self._enqueue(tenant, stream, end)
        return RebuiltAggregate(end.state, end.version, begin.version)

    async def _from_snapshot(
        self, tenant: str, stream: str, kind: type[A]
    ) -> tuple[Snapshot[A], Snapshot[A]] | None:
        """The stream's snapshot and where it leads now, None where there is none that counts."""
        if self._snapshots is None:
            return None
        begin = await self._snapshots.read(tenant, stream, kind)
        if begin is None:
            return None
        events = await self._log.stream_behind(tenant, stream, begin.version, begin.event)
        if events is None:
            await self._snapshots.drop_foreign(tenant, stream, begin)
            return None
        end = _fold(begin, events)
        return begin, end if len(events) < PAGE else await self.advance(tenant, stream, end)

    async def _from_zero(self, tenant: str, stream: str, kind: type[A]) -> tuple[Snapshot[A], Snapshot[A]]:
        begin = Snapshot(kind(), 0, "")
        return begin, await self.advance(tenant, stream, begin)

    async def advance(self, tenant: str, stream: str, begin: Snapshot[A]) -> Snapshot[A]:
        """The state with all events since; a page at a time, so that a long stream needs no more memory."""
        end = begin
        while True:
            events = await self._log.stream(tenant, stream, end.version, PAGE)
            end = _fold(end, events)
            if len(events) < PAGE:
                return end

    def is_due(self, version: int, snapshot: int) -> bool:
        """Whether a stream at `version` is to have a new snapshot, its last being at version `snapshot`."""
        return self._snapshots is not None and version - snapshot >= self._every

    def refresh(self, tenant: str, stream: str, kind: type[Aggregate[Any, Any]]) -> None:
        """Rebuild the stream in the background, for a new snapshot if one is due."""
        self._enqueue(tenant, stream, kind)

    def _enqueue(self, tenant: str, stream: str, work: Snapshot[Any] | type[Aggregate[Any, Any]]) -> None:
        key = (tenant, stream)
        if key in self._waiting or len(self._waiting) < WAITING:
            self._waiting[key] = work
            if not self.waiting:
                self._writing = asyncio.create_task(self._write())

    async def _write(self) -> None:
        assert self._snapshots is not None
        while self._waiting:
            tenant, stream = key = next(iter(self._waiting))
            work = self._waiting.pop(key)
            try:
                if isinstance(work, Snapshot):
                    await self._snapshots.write(tenant, stream, work)
                else:
                    await self.rebuild(tenant, stream, work)
            except Exception as error:
                logger.warning("%s has no new snapshot: %s: %s", stream, type(error).__name__, error)

    @property
    def waiting(self) -> bool:
        """Whether a snapshot is still to be written, or is being written."""
        return self._writing is not None and not self._writing.done()

    async def close(self) -> None:
        """Stop writing; what waits is let go."""
        self._waiting.clear()
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.wait([self._writing])


def _fold(begin: Snapshot[A], events: Sequence[RecordedEvent]) -> Snapshot[A]:
    if not events:
        return begin
    subjects = begin.subjects.union(*(event.subjects for event in events))
    return Snapshot(begin.state.evolve_all(payloads(events)), events[-1].version, events[-1].id, subjects)


def payloads(events: Iterable[RecordedEvent]) -> Iterable[Event]:
    """What a state is rebuilt from; raises Unavailable at an event that this process cannot read."""
    for event in events:
        if event.payload is None:
            raise Unavailable(describe_unreadable(event))
        yield event.payload

"""Rebuilding the state of a stream from its snapshot and the events since."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

from domain.kernel import Aggregate, Event, RecordedEvent
from domain.kernel.errors import Unavailable
from domain.kernel.unreadable import describe_unreadable
from eventstore.aggregates.snapshots import AggregateSnapshot, Snapshots
from eventstore.log import EventLog
from eventstore.mongo.group_reads import GroupReads
from eventstore.reading.stream_reader import StreamPlace

logger = logging.getLogger(__name__)

A = TypeVar("A", bound=Aggregate[Any, Any])

MAX_WAITING = 256
"""Most streams that wait for a new snapshot; others get one after later events."""

SHARED_PAGE = 50
"""Most events of a stream in a read that it shares with other streams."""

SHARED_READ_SECONDS = 15.0
"""Seconds after which MongoDB ends such a read."""


class RebuiltAggregate(NamedTuple, Generic[A]):
    """A state and its version; `snapshot` is the version of the snapshot that it was rebuilt from, or 0."""

    state: A
    version: int
    snapshot: int


class AggregateRebuilder:
    """Rebuilds states, and writes snapshots in the background, one after another.

    A stream gets a new snapshot when a load finds it `every` events or more beyond its last one. Snapshots
    are made from the log alone, never from a cached state. At most `max_waiting` streams wait for one.
    """

    def __init__(
        self,
        log: EventLog,
        snapshots: Snapshots | None = None,
        every: int = 50,
        *,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        self._log = log
        self._snapshots = snapshots
        self._every = every
        self._max_waiting = max_waiting
        self._waiting: dict[tuple[str, str], AggregateSnapshot[Any] | type[Aggregate[Any, Any]]] = {}
        self._writing: asyncio.Task[None] | None = None
        self._group_reads = GroupReads(SHARED_READ_SECONDS)

    async def rebuild(
        self, tenant: str, stream: str, kind: type[A], *, is_probably_new: bool = False
    ) -> RebuiltAggregate[A]:
        """Return the state of the stream, with all events that were acknowledged before the call.

        Looks for a snapshot first, unless the stream `is_probably_new`.

        Raises Unavailable, also where the stream has an event that this process cannot read.
        """
        if is_probably_new and not await self._log.stream(tenant, stream, limit=1):
            return RebuiltAggregate(kind(), 0, 0)
        from_snapshot = await self._from_snapshot(tenant, stream, kind)
        begin, end = from_snapshot or await self._from_zero(tenant, stream, kind)
        if self.is_due(end.version, begin.version):
            self._enqueue(tenant, stream, end)
        return RebuiltAggregate(end.state, end.version, begin.version)

    async def _from_snapshot(
        self, tenant: str, stream: str, kind: type[A]
    ) -> tuple[AggregateSnapshot[A], AggregateSnapshot[A]] | None:
        """Return the stream's snapshot, and the state that it leads to now; None without a valid snapshot."""
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
        if len(events) == self._log.options.stream_page:
            end = await self.advance(tenant, stream, end)
        return begin, end

    async def _from_zero(
        self, tenant: str, stream: str, kind: type[A]
    ) -> tuple[AggregateSnapshot[A], AggregateSnapshot[A]]:
        begin = AggregateSnapshot(kind(), 0, "")
        return begin, await self.advance(tenant, stream, begin)

    async def catch_up(self, tenant: str, stream: str, begin: AggregateSnapshot[A]) -> AggregateSnapshot[A]:
        """Return the state after all events that were acknowledged before the call.

        For a state that is nearly the last one: states that are caught up at the same time share one read.
        """
        place = (stream, begin.version)
        events = await self._group_reads.read(tenant, place, partial(self._next_events, tenant)) or ()
        end = _fold(begin, events)
        return end if len(events) < SHARED_PAGE else await self.advance(tenant, stream, end)

    async def _next_events(
        self, tenant: str, places: Collection[StreamPlace]
    ) -> Mapping[StreamPlace, Sequence[RecordedEvent]]:
        if len(places) > 1:
            return await self._log.streams(tenant, places, SHARED_PAGE)
        [(stream, version)] = places
        return {(stream, version): await self._log.stream(tenant, stream, version, SHARED_PAGE)}

    async def advance(self, tenant: str, stream: str, begin: AggregateSnapshot[A]) -> AggregateSnapshot[A]:
        """Return the state after all later events, read in pages so that memory stays bounded."""
        end, page = begin, self._log.options.stream_page
        while True:
            events = await self._log.stream(tenant, stream, end.version, page)
            end = _fold(end, events)
            if len(events) < page:
                return end

    def is_due(self, version: int, snapshot: int) -> bool:
        """Return whether a stream at `version` needs a new snapshot after its last at version `snapshot`."""
        return self._snapshots is not None and version - snapshot >= self._every

    def refresh(self, tenant: str, stream: str, kind: type[Aggregate[Any, Any]]) -> None:
        """Rebuild the stream in the background, and write a new snapshot if one is due."""
        self._enqueue(tenant, stream, kind)

    def _enqueue(
        self, tenant: str, stream: str, work: AggregateSnapshot[Any] | type[Aggregate[Any, Any]]
    ) -> None:
        key = (tenant, stream)
        if key in self._waiting or len(self._waiting) < self._max_waiting:
            self._waiting[key] = work
            if not self.waiting:
                self._writing = asyncio.create_task(self._write())

    async def _write(self) -> None:
        assert self._snapshots is not None
        while self._waiting:
            tenant, stream = key = next(iter(self._waiting))
            work = self._waiting.pop(key)
            try:
                if isinstance(work, AggregateSnapshot):
                    await self._snapshots.write(tenant, stream, work)
                else:
                    await self.rebuild(tenant, stream, work)
            except Exception as error:
                logger.warning("cannot write a snapshot of %s: %s: %s", stream, type(error).__name__, error)

    @property
    def waiting(self) -> bool:
        """Whether a snapshot is queued or being written."""
        return self._writing is not None and not self._writing.done()

    async def close(self) -> None:
        """Stop writing, and drop what is queued."""
        self._waiting.clear()
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.wait([self._writing])


def _fold(begin: AggregateSnapshot[A], events: Sequence[RecordedEvent]) -> AggregateSnapshot[A]:
    if not events:
        return begin
    subjects = begin.subjects.union(*(event.subjects for event in events))
    return AggregateSnapshot(
        begin.state.evolve_all(payloads(events)), events[-1].version, events[-1].id, subjects
    )


def payloads(events: Iterable[RecordedEvent]) -> Iterable[Event]:
    """Yield the events that a state is folded from; raises Unavailable at one that cannot be read."""
    for event in events:
        if event.payload is None:
            raise Unavailable(describe_unreadable(event))
        yield event.payload

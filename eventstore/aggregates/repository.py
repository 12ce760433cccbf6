"""Aggregates, rebuilt from their events and kept while they are in use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

from domain.dispatch.ports import LoadedState
from domain.kernel import Aggregate, Event
from domain.kernel.errors import Unavailable
from domain.kernel.personal import holds_personal_data
from domain.kernel.unreadable import describe_unreadable
from eventstore.aggregates.rebuilder import AggregateRebuilder
from eventstore.aggregates.snapshots import Snapshot
from eventstore.log import EventLog
from eventstore.lru import LruCache

A = TypeVar("A", bound=Aggregate[Any, Any])


class _Kept(NamedTuple):
    """`snapshot` is the version of the stream's last snapshot, as far as this process knows."""

    state: Aggregate[Any, Any]
    version: int
    snapshot: int


class AggregateRepository:
    """Keeps the `size` aggregates used last: a hot stream needs no read, the version guard checks it.

    States that may hold personal data are not kept: they would outlive an erasure.
    """

    def __init__(
        self, log: EventLog, rebuilder: AggregateRebuilder | None = None, size: int = 10_000
    ) -> None:
        self._log = log
        self._rebuilder = rebuilder or AggregateRebuilder(log)
        self._kept: LruCache[tuple[str, str], _Kept] = LruCache(size)

    async def load(self, tenant: str, stream: str, kind: type[A], *, fresh: bool = False) -> LoadedState[A]:
        """The state of the stream; with `fresh` it holds all that was acknowledged before the call.

        Raises Unavailable where the stream holds an event that this process cannot read: a state without it
        would be wrong, and a newer process may build it.
        """
        kept = self._kept.get((tenant, stream))
        if kept is None or not isinstance(kept.state, kind):
            state, version, snapshot = await self._rebuilder.rebuild(tenant, stream, kind)
            self._remember(tenant, stream, _Kept(state, version, snapshot))
            return LoadedState(state, version, fresh=True)
        if not fresh:
            return LoadedState(kept.state, kept.version, fresh=False)
        state, version, *_ = await self._rebuilder.advance(
            tenant, stream, Snapshot(kept.state, kept.version, "")
        )
        self.remember(tenant, stream, state, version)
        return LoadedState(state, version, fresh=True)

    async def events_since(self, tenant: str, stream: str, version: int, limit: int) -> Sequence[Event]:
        """The stored events behind a version, in order, at most `limit`. Raises as `load` does."""
        events = []
        for event in await self._log.stream(tenant, stream, version, limit):
            if event.payload is None:
                raise Unavailable(describe_unreadable(event))
            events.append(event.payload)
        return events

    def remember(self, tenant: str, stream: str, state: Aggregate[Any, Any], version: int) -> None:
        """Remember a state, unless a newer one is known already or it may hold personal data."""
        kind = type(state)
        if holds_personal_data(kind):
            return
        kept = self._kept.get((tenant, stream))
        snapshot = kept.snapshot if kept else 0
        if self._rebuilder.is_due(version, snapshot):
            self._rebuilder.refresh(tenant, stream, kind)
            snapshot = version
        self._remember(tenant, stream, _Kept(state, version, snapshot))

    def _remember(self, tenant: str, stream: str, new: _Kept) -> None:
        kept = self._kept.get((tenant, stream))
        is_newer = new.version > (kept.version if kept else 0)
        if is_newer and not holds_personal_data(type(new.state)):
            self._kept.put((tenant, stream), new)

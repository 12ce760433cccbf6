"""Aggregates by stream, rebuilt from their events and cached while they are in use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

from domain.dispatch.ports import LoadedState
from domain.kernel import Aggregate, Event
from domain.kernel.errors import Unavailable
from domain.kernel.personal import holds_personal_data
from domain.kernel.unreadable import describe_unreadable
from eventstore.aggregates.rebuilder import AggregateRebuilder
from eventstore.aggregates.snapshots import AggregateSnapshot
from eventstore.log import EventLog
from eventstore.lru import LruCache

A = TypeVar("A", bound=Aggregate[Any, Any])


class _CachedAggregate(NamedTuple):
    """A state and its version; `snapshot` is the version of the last snapshot that this process knows."""

    state: Aggregate[Any, Any]
    version: int
    snapshot: int


class AggregateRepository:
    """Caches the `size` aggregates used last. A hot stream needs no read: the version guard checks the state.

    States that may hold personal data are not cached: they would outlive an erasure.
    """

    def __init__(
        self, log: EventLog, rebuilder: AggregateRebuilder | None = None, size: int = 10_000
    ) -> None:
        self._log = log
        self._rebuilder = rebuilder or AggregateRebuilder(log)
        self._cache: LruCache[tuple[str, str], _CachedAggregate] = LruCache(size)

    async def load(
        self, tenant: str, stream: str, kind: type[A], *, fresh: bool = False, is_probably_new: bool = False
    ) -> LoadedState[A]:
        """Return the state of the stream; with `fresh`, after all events acknowledged before the call.

        The state of a stream that `is_probably_new`, and of which this process has seen no event, is that of
        one that does not exist: the version guard finds it sooner than a read would. With `fresh` it costs
        one read instead of two.

        Raises Unavailable where the stream has an event that this process cannot read: a state without it
        would be wrong, and a newer version of the code can build it.
        """
        cached = self._cache.get((tenant, stream))
        if cached is None or not isinstance(cached.state, kind):
            is_unseen = is_probably_new and not self._log.has_seen(tenant, stream)
            if is_unseen and not fresh:
                return LoadedState(kind(), 0, fresh=False)
            state, version, snapshot = await self._rebuilder.rebuild(
                tenant, stream, kind, is_probably_new=is_unseen
            )
            self._remember_rebuilt((tenant, stream), _CachedAggregate(state, version, snapshot))
            return LoadedState(state, version, fresh=True)
        if not fresh:
            return LoadedState(cached.state, cached.version, fresh=False)
        state, version, *_ = await self._rebuilder.catch_up(
            tenant, stream, AggregateSnapshot(cached.state, cached.version, "")
        )
        self.remember(tenant, stream, state, version)
        return LoadedState(state, version, fresh=True)

    async def events_since(self, tenant: str, stream: str, version: int, limit: int) -> Sequence[Event]:
        """Return the stored events after a version, in order, at most `limit`; raises as `load` does."""
        events = []
        for event in await self._log.stream(tenant, stream, version, limit):
            if event.payload is None:
                raise Unavailable(describe_unreadable(event))
            events.append(event.payload)
        return events

    def remember(self, tenant: str, stream: str, state: Aggregate[Any, Any], version: int) -> None:
        """Cache a state, unless a newer one is cached already or it may hold personal data."""
        key = (tenant, stream)
        if not _is_cacheable(state):
            self._cache.forget(key)
            return
        cached = self._cache.get(key)
        cached_version, snapshot = (cached.version, cached.snapshot) if cached else (0, 0)
        if self._rebuilder.is_due(version, snapshot):
            self._rebuilder.refresh(tenant, stream, type(state))
            snapshot = version
        if version > cached_version:
            self._cache.put(key, _CachedAggregate(state, version, snapshot))

    def _remember_rebuilt(self, key: tuple[str, str], new: _CachedAggregate) -> None:
        cached = self._cache.get(key)
        is_newer = new.version > (cached.version if cached else 0)
        if is_newer and _is_cacheable(new.state):
            self._cache.put(key, new)


def _is_cacheable(state: Aggregate[Any, Any]) -> bool:
    return not (holds_personal_data(type(state)) or state.carries_personal_data)

"""Aggregates, rebuilt from their events."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, TypeVar

from domain.kernel import Aggregate, Event, RecordedEvent
from domain.kernel.context import holds_personal_data
from domain.kernel.errors import Unavailable
from domain.kernel.ports import Loaded
from eventstore.log import EventLog
from eventstore.lru import Lru

A = TypeVar("A", bound=Aggregate[Any, Any])


class _Kept(NamedTuple):
    state: Aggregate[Any, Any]
    version: int


class AggregateRepository:
    """Keeps the `size` aggregates used last: a hot stream needs no read, the version guard checks it.

    States that may hold personal data are not kept: they would outlive an erasure.
    """

    def __init__(self, log: EventLog, size: int = 10_000) -> None:
        self._log = log
        self._kept: Lru[tuple[str, str], _Kept] = Lru(size)

    async def load(self, tenant: str, stream: str, kind: type[A], *, fresh: bool = False) -> Loaded[A]:
        """The state of the stream; with `fresh` it holds all that was acknowledged before the call.

        Raises Unavailable where the stream holds an event that this process cannot read: a state without it
        would be wrong, and a newer process may build it.
        """
        kept = self._kept.get((tenant, stream))
        state, version = kind(), 0
        if kept is not None and isinstance(kept.state, kind):
            state, version = kept.state, kept.version
            if not fresh:
                return Loaded(state, version, fresh=False)
        events = await self._log.stream(tenant, stream, version)
        if events:
            state, version = state.evolve_all(_payloads(events)), events[-1].version
            self.keep(tenant, stream, state, version)
        return Loaded(state, version, fresh=True)

    def keep(self, tenant: str, stream: str, state: Aggregate[Any, Any], version: int) -> None:
        """Remember a state, unless a newer one is known already or it may hold personal data."""
        if holds_personal_data(type(state)):
            return
        kept = self._kept.get((tenant, stream))
        if kept is None or kept.version < version:
            self._kept.put((tenant, stream), _Kept(state, version))


def _payloads(events: Iterable[RecordedEvent]) -> Iterable[Event]:
    for event in events:
        if event.payload is None:
            raise Unavailable(event.why_unreadable())
        yield event.payload

"""An index of event queries: finds those that a commit may meet without a look at the others."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator
from typing import Generic, TypeVar

from domain.kernel import Commit
from eventstore.reading.event_query import EventQuery

K = TypeVar("K", bound=Hashable)

_ANY = ("", "")


class EventIndex(Generic[K]):
    """Keys by the tenant and a condition of their query: the one that the fewest commits meet."""

    def __init__(self) -> None:
        self._keys: dict[tuple[str, str, str], dict[K, None]] = {}

    def add(self, key: K, tenant: str, query: EventQuery) -> None:
        """Add a key with its query."""
        for clause in _clauses(query):
            self._keys.setdefault((tenant, *clause), {})[key] = None

    def remove(self, key: K, tenant: str, query: EventQuery) -> None:
        """Remove a key that was added with this query."""
        for clause in _clauses(query):
            path = (tenant, *clause)
            del self._keys[path][key]
            if not self._keys[path]:
                del self._keys[path]

    def find(self, commit: Commit) -> Iterator[K]:
        """Yield each key once whose query the commit may meet."""
        if commit.info is None:
            return
        info = commit.info
        clauses = [
            _ANY, ("stream", info.stream), ("correlation", info.correlation), ("category", info.category),
            *{("type", event.type) for event in commit.events},
        ]  # fmt: skip
        matches = [keys for clause in clauses if (keys := self._keys.get((info.tenant, *clause)))]
        yield from matches[0] if len(matches) == 1 else dict.fromkeys(key for keys in matches for key in keys)


def _clauses(query: EventQuery) -> Collection[tuple[str, str]]:
    if query.streams is not None:
        return {("stream", stream) for stream in query.streams}
    if query.correlation is not None:
        return {("correlation", query.correlation)}
    if query.wanted_types is not None:
        return {("type", name) for name in query.wanted_types}
    if query.categories is not None:
        return {("category", category) for category in query.categories}
    return {_ANY}

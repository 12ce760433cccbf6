"""An index of event queries: finds those that a commit may meet without a look at the others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping
from typing import Generic, TypeVar

from domain.kernel import Commit, CommitInfo
from eventstore.reading.event_query import EventQuery

K = TypeVar("K", bound=Hashable)

_ANY = ""
"""The kind of condition of queries that commits meet whatever they contain, and its value."""

_VALUES: Mapping[str, Callable[[CommitInfo, Commit], Collection[str]]] = {
    _ANY: lambda _info, _commit: (_ANY,),
    "stream": lambda info, _commit: (info.stream,),
    "correlation": lambda info, _commit: (info.correlation,),
    "category": lambda info, _commit: (info.category,),
    "type": lambda _info, commit: {event.type for event in commit.events},
}
"""The values of a commit by the kind of condition."""


class EventIndex(Generic[K]):
    """Keys by the tenant and a condition of their query: the one that the fewest commits meet.

    A commit is looked up only by those kinds of conditions that the tenant has.
    """

    def __init__(self) -> None:
        self._tenants: dict[str, dict[str, dict[str, dict[K, None]]]] = {}
        """Keys by tenant, kind and value."""

    def add(self, key: K, tenant: str, query: EventQuery) -> None:
        """Add a key with its query."""
        kind, values = _condition(query)
        for value in values:
            self._tenants.setdefault(tenant, {}).setdefault(kind, {}).setdefault(value, {})[key] = None

    def remove(self, key: K, tenant: str, query: EventQuery) -> None:
        """Remove a key that was added with this query."""
        kind, values = _condition(query)
        for value in values:
            by_kind = self._tenants[tenant]
            by_value = by_kind[kind]
            del by_value[value][key]
            if not by_value[value]:
                del by_value[value]
            if not by_value:
                del by_kind[kind]
            if not by_kind:
                del self._tenants[tenant]

    def find(self, commit: Commit) -> Collection[K]:
        """Return each key once whose query the commit may meet."""
        info = commit.info
        if info is None:
            return ()
        matches = [
            keys
            for kind, by_value in self._tenants.get(info.tenant, {}).items()
            for value in _VALUES[kind](info, commit)
            if (keys := by_value.get(value))
        ]
        return matches[0] if len(matches) == 1 else dict.fromkeys(key for keys in matches for key in keys)


def _condition(query: EventQuery) -> tuple[str, Collection[str]]:
    """Return the kind of the condition by which the query is found, and its values, each once."""
    if query.streams is not None:
        return "stream", set(query.streams)
    if query.correlation is not None:
        return "correlation", (query.correlation,)
    if query.wanted_types is not None:
        return "type", set(query.wanted_types)
    if query.categories is not None:
        return "category", set(query.categories)
    return _ANY, (_ANY,)

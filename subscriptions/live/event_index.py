"""Which groups an event could concern, found without asking all of them."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator
from typing import Generic, TypeVar

from domain.kernel import Commit
from eventstore.reading.event_query import EventQuery

K = TypeVar("K", bound=Hashable)

_REST = ("", "")


class EventIndex(Generic[K]):
    """Who asks for events, by tenant and by that of its conditions which the fewest commits meet."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, str], dict[K, None]] = {}

    def add(self, who: K, tenant: str, query: EventQuery) -> None:
        """From now on it is found."""
        for clause in _clauses(query):
            self._found.setdefault((tenant, *clause), {})[who] = None

    def remove(self, who: K, tenant: str, query: EventQuery) -> None:
        """No longer."""
        for clause in _clauses(query):
            key = (tenant, *clause)
            del self._found[key][who]
            if not self._found[key]:
                del self._found[key]

    def all(self) -> set[K]:
        """Everybody."""
        return {who for found in self._found.values() for who in found}

    def find(self, commit: Commit) -> Iterator[K]:
        """All whose query the commit may meet, each once."""
        if commit.info is None:
            return
        info = commit.info
        clauses = [
            _REST, ("stream", info.stream), ("correlation", info.correlation), ("category", info.category),
            *{("type", event.type) for event in commit.events},
        ]  # fmt: skip
        found = [who for clause in clauses if (who := self._found.get((info.tenant, *clause)))]
        yield from found[0] if len(found) == 1 else dict.fromkeys(one for who in found for one in who)


def _clauses(query: EventQuery) -> Collection[tuple[str, str]]:
    if query.streams is not None:
        return {("stream", stream) for stream in query.streams}
    if query.correlation is not None:
        return {("correlation", query.correlation)}
    if query.types is not None:
        return {("type", name) for name in query.types}
    if query.categories is not None:
        return {("category", category) for category in query.categories}
    return {_REST}

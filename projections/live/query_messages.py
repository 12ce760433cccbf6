"""Live queries: what is executed for a topic, and the results that its subscribers receive. Pure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from eventstore.place import Place
from projections.querying.filters import Filter

C = TypeVar("C")
"""The content of results. Contents of equal results are equal."""


@dataclass(frozen=True, slots=True)
class LiveQuery(Generic[C]):
    """A query that is executed for all subscribers of a topic.

    `dependencies` are filters for the rows that it reads, by the names of their views. `interval` is the
    minimum number of seconds between two executions. `execute` raises Unavailable if it may succeed later;
    any other error ends the streams of the subscribers.
    """

    tenant: str
    dependencies: Mapping[str, Filter]
    interval: float
    execute: Callable[[], Awaitable[C]]


class QueryResult(NamedTuple, Generic[C]):
    """A result of a live query. It contains every change up to `place`, and may contain later ones.

    `before` is the content that its receivers have, None for receivers that have none.
    """

    place: Place
    content: C
    before: C | None = None

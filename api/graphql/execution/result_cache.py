"""Encoded results of queries, kept within a bound on their memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from graphql import GraphQLSchema

from eventstore.lru import LruCache
from projections.querying.row_reads import QueryReads
from projections.querying.view_states import ViewState

REMEMBERED_QUERIES = 10_000
"""Queries without a cached result that are remembered: only the result of one that is repeated is cached."""

ENTRY_BYTES = 1_000
"""What a result takes in addition to its body."""

LARGEST_SHARE = 1 / 8
"""The largest part of the cache that one result may take."""


class ResultKey(NamedTuple):
    """Identifies a query with all that its result depends on, except for the rows that it reads.

    A schema is that of callers to which the same API is visible. The `digest` is of the document, its
    variables, and the rows that the caller may read.
    """

    schema: GraphQLSchema
    tenant: str
    digest: bytes


class CachedResult:
    """An encoded result of a query under this key, and what shows that it is still the result.

    That is the case in these `states` of its `views`, which are None if a view lacked a commit, and while no
    changed row concerns what it `reads`, which are None if they were not recorded. It was the result as of
    `confirmed_at`, a time on the monotonic clock.
    """

    __slots__ = ("body", "confirmed_at", "key", "reads", "states", "views")

    def __init__(
        self,
        key: ResultKey,
        views: Sequence[str],
        body: bytes,
        states: Sequence[ViewState] | None,
        confirmed_at: float,
        reads: QueryReads | None = None,
    ) -> None:
        self.key = key
        self.views = views
        self.body = body
        self.states = states
        self.confirmed_at = confirmed_at
        self.reads = reads

    def confirm(self, at: float) -> None:
        """Record that it was still the result at that time."""
        self.confirmed_at = max(self.confirmed_at, at)

    @property
    def weight(self) -> int:
        """Its bytes in memory, approximately."""
        return len(self.body) + ENTRY_BYTES + (0 if self.reads is None else self.reads.weight)


class ResultCache:
    """The results of repeated queries, up to `max_bytes`; the least recently used ones are evicted."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._results: LruCache[ResultKey, CachedResult] = LruCache(max_bytes, lambda result: result.weight)
        # Without the schemas, which would stay in memory. At worst, a result is cached one query early.
        self._remembered: LruCache[tuple[str, bytes], bool] = LruCache(REMEMBERED_QUERIES)

    @property
    def bytes(self) -> int:
        """The bytes that all results take, approximately."""
        return self._results.weight

    @property
    def entries(self) -> int:
        """The number of results."""
        return self._results.entries

    def find(self, key: ResultKey) -> CachedResult | None:
        """Return the cached result of the query; its rows may have changed since."""
        return self._results.get(key)

    def is_repeated(self, key: ResultKey) -> bool:
        """Return whether the query was executed lately, and remember that it is executed now."""
        query = key.tenant, key.digest
        is_repeated = self._remembered.get(query) is not None
        if not is_repeated:
            self._remembered.put(query, True)
        return is_repeated

    def keep(self, result: CachedResult) -> None:
        """Cache the result, unless it would take too much of the cache."""
        if result.weight <= LARGEST_SHARE * self.max_bytes:
            self._results.put(result.key, result)

"""The rows that are folded for a past list: those that have changed since, or all rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import bson

from eventstore.lru import LruCache
from eventstore.mongo.driver import Document
from projections.past.folds import PastFolds
from projections.querying.queries import ViewReader
from projections.storage.row_events import Budget

CACHED_BYTES = 16_000_000
"""Bytes of rows as BSON that are cached for all past positions of one view."""

EMPTY_BYTES = 500
ID_BYTES = 100
"""Bytes that are counted for a cached position without rows, and for the id of a row."""


class _PastRows(NamedTuple):
    """The past rows of those that had changed when the view was at `upto`; `size` in bytes.

    A row with personal data is not cached: its id is in `personal`, and it is folded again for each request.
    So it reads null once its subject is erased.
    """

    upto: int
    rows: Mapping[str, Document]
    personal: frozenset[str]
    size: int


class ChangedRows:
    """Folds rows of a past position from the log, and caches them for the next page of the same position."""

    def __init__(self, reader: ViewReader, folds: PastFolds) -> None:
        self._reader = reader
        self._folds = folds
        self._changed: LruCache[tuple[str, int], _PastRows] = LruCache(CACHED_BYTES, lambda rows: rows.size)
        self._all: LruCache[tuple[str, int], _PastRows] = LruCache(CACHED_BYTES, lambda rows: rows.size)

    async def since(self, tenant: str, position: int, budget: Budget) -> list[Document]:
        """Return the tenant's rows at a position, which the view has reached, that changed after it.

        Raises TooComplex if they take more events than the budget allows.
        """
        cached = self._changed.get((tenant, position)) or _PastRows(position, {}, frozenset(), EMPTY_BYTES)
        # Read before the rows: so all changes up to this position are among the ids.
        upto = await self._reader.position()
        changed_ids = await self._reader.changed_after(tenant, cached.upto, position, budget.limit + 1)
        budget.require(len(changed_ids))
        ids = [row_id for row_id in cached.personal.union(changed_ids) if row_id not in cached.rows]
        folded = await self._folds.rows(tenant, ids, position, budget)
        self._extend((tenant, position), cached, max(upto, cached.upto), folded)
        return [*cached.rows.values(), *folded.values()]

    async def all(self, tenant: str, position: int, budget: Budget) -> list[Document]:
        """Return all of the tenant's rows at a settled position, without reading stored rows.

        They are cached if none of them contains personal data. Raises TooComplex if they take more events
        than the budget allows.
        """
        if (cached := self._all.get((tenant, position))) is not None:
            return list(cached.rows.values())
        rows = await self._folds.rows(tenant, None, position, budget)
        size = EMPTY_BYTES + sum(len(bson.encode(row)) for row in rows.values())
        if size <= CACHED_BYTES // 2 and not any(row.get("_open") for row in rows.values()):
            self._all.put((tenant, position), _PastRows(position, rows, frozenset(), size))
        return list(rows.values())

    def _extend(
        self, key: tuple[str, int], cached: _PastRows, upto: int, folded: Mapping[str, Document]
    ) -> None:
        """Add the folded rows to the cached ones, unless they become too large."""
        personal = cached.personal.union(row_id for row_id, row in folded.items() if row.get("_open"))
        cacheable = {row_id: row for row_id, row in folded.items() if row_id not in personal}
        added_bytes = sum(len(bson.encode(row)) for row in cacheable.values())
        size = cached.size + added_bytes + ID_BYTES * len(personal - cached.personal)
        if size <= CACHED_BYTES // 2:
            self._changed.put(key, _PastRows(upto, {**cached.rows, **cacheable}, personal, size))

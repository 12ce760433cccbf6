"""The rows that are folded for a list of the past: those that have changed since, or all of them."""

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
"""Of rows as BSON, for all pasts of one view."""

EMPTY_BYTES = 500
ID_BYTES = 100
"""What a past weighs since which nothing has changed, and the id of a row."""


class _Kept(NamedTuple):
    """The rows that had changed when the view was at `upto`, as they were; `size` in bytes.

    What holds personal data is not kept: its id is in `personal`, and it is folded anew for each question, so
    that it reads null once its subject is erased.
    """

    upto: int
    rows: Mapping[str, Document]
    personal: frozenset[str]
    size: int


class ChangedRows:
    """Folds rows of a past from the log, and keeps them for the next page of the same past."""

    def __init__(self, reader: ViewReader, folds: PastFolds) -> None:
        self._reader = reader
        self._folds = folds
        self._kept: LruCache[tuple[str, int], _Kept] = LruCache(CACHED_BYTES, lambda kept: kept.size)
        self._whole: LruCache[tuple[str, int], _Kept] = LruCache(CACHED_BYTES, lambda kept: kept.size)

    async def since(self, tenant: str, position: int, budget: Budget) -> list[Document]:
        """The tenant's rows that were there at a position, which the view has reached, and changed behind it.

        Raises TooComplex where they take more events than the budget allows.
        """
        kept = self._kept.get((tenant, position)) or _Kept(position, {}, frozenset(), EMPTY_BYTES)
        # Read first: all that the view holds at this position is among the rows that are found.
        upto = await self._reader.position()
        found = await self._reader.changed_after(tenant, kept.upto, position, budget.most + 1)
        budget.require(len(found))
        ids = [row_id for row_id in kept.personal.union(found) if row_id not in kept.rows]
        folded = await self._folds.rows(tenant, ids, position, budget)
        self._keep((tenant, position), kept, max(upto, kept.upto), folded)
        return [*kept.rows.values(), *folded.values()]

    async def all(self, tenant: str, position: int, budget: Budget) -> list[Document]:
        """All of the tenant's rows that were there at a settled position, without a look at stored rows.

        They are kept where none of them holds personal data. Raises TooComplex where they take more events
        than the budget allows.
        """
        if (kept := self._whole.get((tenant, position))) is not None:
            return list(kept.rows.values())
        rows = await self._folds.rows(tenant, None, position, budget)
        size = EMPTY_BYTES + sum(len(bson.encode(row)) for row in rows.values())
        if size <= CACHED_BYTES // 2 and not any(row.get("_open") for row in rows.values()):
            self._whole.put((tenant, position), _Kept(position, rows, frozenset(), size))
        return list(rows.values())

    def _keep(self, key: tuple[str, int], kept: _Kept, upto: int, folded: Mapping[str, Document]) -> None:
        personal = kept.personal.union(row_id for row_id, row in folded.items() if row.get("_open"))
        lasting = {row_id: row for row_id, row in folded.items() if row_id not in personal}
        grown = sum(len(bson.encode(row)) for row in lasting.values()) + ID_BYTES * len(
            personal - kept.personal
        )
        if kept.size + grown <= CACHED_BYTES // 2:
            rows = {**kept.rows, **lasting}
            self._kept.put(key, _Kept(upto, rows, personal, kept.size + grown))

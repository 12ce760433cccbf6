"""Compares two generations of a view while both go on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

from eventstore.mongo.driver import Collection, unavailable_if_down
from projections.rebuilding.comparison import Comparison, at_one_position
from projections.storage.rows import Row

PAGE_SIZE = 1_000
"""Most rows of either generation in memory at once."""

ROUNDS = 5
"""How often rows are read again that were not read at one position."""

PAUSE = 0.1
"""Seconds before such a round, in which the slower generation makes progress."""

MAX_UNSETTLED = 10_000
"""Most such rows that are read again; more are only counted."""

BY_KEY = [("_id", 1)]

RowPairs = dict[str, tuple[Row | None, Row | None]]
"""By its key, the row as the old and the new generation have it; None where one has no document of it."""


class GenerationRows(NamedTuple):
    """The rows of one generation, and the collection that they are in."""

    rows: Collection
    generation: int


class GenerationComparer:
    """Compares the rows of `old` with those of `new`, each at a position that both generations have reached.

    `common_position` reads such a position: the position of the slower generation.
    """

    def __init__(
        self,
        old: GenerationRows,
        new: GenerationRows,
        common_position: Callable[[], Awaitable[int]],
        page_size: int = PAGE_SIZE,
    ) -> None:
        self._old = old
        self._new = new
        self._common_position = common_position
        self._page_size = page_size

    async def run(self, on_page: Callable[[Comparison], Awaitable[None]]) -> Comparison:
        """Compare all rows. `on_page` is called with the counts after each page. Raises Unavailable."""
        comparison, unsettled = Comparison(), list[str]()
        async for position, pairs in self._pages():
            unsettled += self._count(comparison, pairs, position)
            if len(unsettled) > MAX_UNSETTLED:
                comparison.moving += len(unsettled) - MAX_UNSETTLED
                del unsettled[MAX_UNSETTLED:]
            await on_page(comparison)
        for _ in range(ROUNDS):
            if unsettled:
                await asyncio.sleep(PAUSE)
            unsettled = [key async for key in self._compare_again(comparison, unsettled)]
        comparison.moving += len(unsettled)
        await on_page(comparison)
        return comparison

    async def _compare_again(self, comparison: Comparison, keys: Sequence[str]) -> AsyncIterator[str]:
        """Compare these rows again, and yield the keys of those that were not read at one position."""
        for start in range(0, len(keys), self._page_size):
            position = await self._common_position()
            page = {"$in": keys[start : start + self._page_size]}
            old, new = await self._read(self._old, page), await self._read(self._new, page)
            for key in self._count(comparison, _paired(old, new), position):
                yield key

    def _count(self, comparison: Comparison, pairs: RowPairs, position: int) -> list[str]:
        """Count these rows, and return the keys of those that were not read at one position."""
        unsettled = []
        for key, (old, new) in pairs.items():
            if at_one_position(old, new, position):
                comparison.count(old, new)
            else:
                unsettled.append(key)
        return unsettled

    async def _pages(self) -> AsyncIterator[tuple[int, RowPairs]]:
        """Yield all rows by their keys, each page with a position that both sides had reached before."""
        after = ""
        while True:
            position = await self._common_position()
            page = {"$gt": after}
            old, new = await self._read(self._old, page), await self._read(self._new, page)
            # A full page says nothing of the keys after its last one.
            ends = [rows[-1]["_id"] for rows in (old, new) if len(rows) == self._page_size]
            pairs = _paired(old, new)
            if not ends:
                yield position, pairs
                return
            after = min(ends)
            yield position, {key: pair for key, pair in pairs.items() if key <= after}

    async def _read(self, side: GenerationRows, keys: Mapping[str, object]) -> Sequence[Row]:
        cursor = side.rows.find({"_id": keys, "_generation": side.generation})
        with unavailable_if_down():
            return await cursor.sort(BY_KEY).limit(self._page_size).to_list(None)


def _paired(old: Sequence[Row], new: Sequence[Row]) -> RowPairs:
    old_rows, new_rows = ({row["_id"]: row for row in rows} for rows in (old, new))
    keys = sorted(old_rows.keys() | new_rows.keys())
    return {key: (old_rows.get(key), new_rows.get(key)) for key in keys}

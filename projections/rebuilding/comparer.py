"""Comparing two generations of a view while both go on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

from eventstore.mongo.driver import Collection, unavailable_if_down
from projections.rebuilding.comparison import Comparison, at_one_position
from projections.storage.rows import Row

PAGE = 1_000
"""Rows of either generation that are held at once."""

ROUNDS = 5
"""How often rows are looked at again that were not seen at one position."""

PAUSE = 0.1
"""Seconds before that, in which the slower generation comes further."""

AGAIN = 10_000
"""How many of these are kept for that; beyond it they are only counted."""

BY_KEY = [("_id", 1)]


class GenerationRows(NamedTuple):
    """The rows of one generation, and where they are."""

    rows: Collection
    generation: int


class GenerationComparer:
    """Compares the rows of `old` with those of `new`, each at a position up to which both have everything.

    `common` tells such a position: the one where the slower of the two is.
    """

    def __init__(
        self, old: GenerationRows, new: GenerationRows, common: Callable[[], Awaitable[int]]
    ) -> None:
        self._old = old
        self._new = new
        self._common = common

    async def run(self, seen: Callable[[Comparison], Awaitable[None]]) -> Comparison:
        """Compare all rows; `seen` is told the counts page by page. Raises Unavailable."""
        found, again = Comparison(), list[str]()
        async for upto, pairs in self._pages():
            self._count(found, pairs, upto, again)
            if len(again) > AGAIN:
                found.moving += len(again) - AGAIN
                del again[AGAIN:]
            await seen(found)
        for _ in range(ROUNDS):
            if again:
                await asyncio.sleep(PAUSE)
            again = [key async for key in self._look_again(found, again)]
        found.moving += len(again)
        await seen(found)
        return found

    async def _look_again(self, found: Comparison, keys: Sequence[str]) -> AsyncIterator[str]:
        """Those of the rows that were still not seen at one position."""
        for start in range(0, len(keys), PAGE):
            some = keys[start : start + PAGE]
            upto = await self._common()
            wanted = {"$in": some}
            old, new = await self._read(self._old, wanted), await self._read(self._new, wanted)
            left: list[str] = []
            self._count(found, _paired(old, new), upto, left)
            for key in left:
                yield key

    def _count(self, found: Comparison, pairs: Pairs, upto: int, again: list[str]) -> None:
        for key, (old, new) in pairs.items():
            if at_one_position(old, new, upto):
                found.count(old, new)
            else:
                again.append(key)

    async def _pages(self) -> AsyncIterator[tuple[int, Pairs]]:
        """All rows by their keys, page by page, with a position that both generations had reached before."""
        after = ""
        while True:
            upto = await self._common()
            wanted = {"$gt": after}
            old, new = await self._read(self._old, wanted), await self._read(self._new, wanted)
            # A full page says nothing of the keys behind its last.
            ends = [page[-1]["_id"] for page in (old, new) if len(page) == PAGE]
            pairs = _paired(old, new)
            if not ends:
                yield upto, pairs
                return
            after = min(ends)
            yield upto, {key: pair for key, pair in pairs.items() if key <= after}

    async def _read(self, side: GenerationRows, keys: Mapping[str, object]) -> Sequence[Row]:
        found = side.rows.find({"_id": keys, "_generation": side.generation})
        with unavailable_if_down():
            return await found.sort(BY_KEY).limit(PAGE).to_list(None)


Pairs = dict[str, tuple[Row | None, Row | None]]


def _paired(old: Sequence[Row], new: Sequence[Row]) -> Pairs:
    before, after = ({row["_id"]: row for row in rows} for rows in (old, new))
    return {key: (before.get(key), after.get(key)) for key in sorted(before.keys() | after.keys())}

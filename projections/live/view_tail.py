"""The live tail of a view: its rows in the order of their last change."""

from __future__ import annotations

from collections.abc import Sequence

from eventstore.mongo.driver import Collection, unavailable_if_down
from projections.querying.locator import ViewLocator
from projections.storage.rows import BY_CHANGE, Row
from subscriptions.feed.tail import Tail


class _ViewChanges:
    """Reads the rows of all tenants whose last change lies between two positions.

    A row that changes again during the read moves beyond the second position, where the next read finds it.
    """

    def __init__(self, locator: ViewLocator) -> None:
        self._locator = locator

    async def head(self) -> int:
        return await self._locator.position()

    def reader(self) -> _ViewChanges:
        return self

    def position(self, row: Row) -> int:
        position: int = row["_position"]
        return position

    def erasure(self, rows: Sequence[Row]) -> int:
        return max((row.get("_scrubbed", 0) for row in rows), default=0)

    def edition(self) -> int:
        return self._locator.edition

    async def read(self, after: int, limit: int) -> tuple[Sequence[Row], int]:
        stored, upto = await self._locator.reached()
        if upto <= after:
            return (), after
        rows = await self._between(stored, after, upto, limit)
        if len(rows) < limit:
            return rows, upto
        cut = self.position(rows[-1])
        whole = [row for row in rows if self.position(row) < cut]
        # More rows than the limit may have changed at one position; they are read together.
        return (whole, cut - 1) if whole else (await self._between(stored, after, cut, 0), cut)

    async def _between(self, stored: Collection, after: int, upto: int, limit: int) -> Sequence[Row]:
        changed = stored.find({"_position": {"$gt": after, "$lte": upto}}).sort(BY_CHANGE)
        with unavailable_if_down():
            rows = await changed.limit(limit).to_list(None)
        return self._locator.filled(stored, rows)


class ViewTail(Tail[Row]):
    """The changes of one view, read once for all its subscribers in this process."""

    def __init__(self, locator: ViewLocator, poll_interval: float) -> None:
        super().__init__(_ViewChanges(locator), locator.listen(), poll_interval)

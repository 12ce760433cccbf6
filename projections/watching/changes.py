"""A view's changes as the source of a live tail: rows in the order of their last change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eventstore.driver import Database, unavailable_if_down
from projections.projecting.projector import consumer_name
from projections.rows import BY_CHANGE, Row, collection
from projections.view import View
from subscriptions.consuming.checkpoints import Checkpoints
from subscriptions.tail import Tail
from subscriptions.wakeups import Wakeups


class _ChangedRows:
    """Reads, of all tenants, the rows whose last change lies between two positions.

    A row that changes again while this is read has moved beyond the second one, where the next read finds it.
    """

    def __init__(self, view: View[Any], database: Database, checkpoints: Checkpoints) -> None:
        self._name = consumer_name(view)
        self._rows = collection(database, view)
        self._checkpoints = checkpoints

    async def head(self) -> int:
        return await self._checkpoints.position(self._name)

    def reader(self) -> _ChangedRows:
        return self

    def position(self, row: Row) -> int:
        position: int = row["_position"]
        return position

    def erasure(self, rows: Sequence[Row]) -> int:
        return max((row.get("_scrubbed", 0) for row in rows), default=0)

    async def read(self, after: int, limit: int) -> tuple[Sequence[Row], int]:
        upto = await self.head()
        if upto <= after:
            return (), after
        rows = await self._between(after, upto, limit)
        if len(rows) < limit:
            return rows, upto
        cut = self.position(rows[-1])
        whole = [row for row in rows if self.position(row) < cut]
        # More rows than asked for may have changed at one position; they stay together.
        return (whole, cut - 1) if whole else (await self._between(after, cut, 0), cut)

    async def _between(self, after: int, upto: int, limit: int) -> Sequence[Row]:
        found = self._rows.find({"_position": {"$gt": after, "$lte": upto}}).sort(BY_CHANGE)
        with unavailable_if_down():
            return await found.limit(limit).to_list(None)


class LiveChanges(Tail[Row]):
    """The changes of one view, read once for all who watch it in this process."""

    def __init__(
        self,
        view: View[Any],
        database: Database,
        checkpoints: Checkpoints,
        wakeups: Wakeups,
        poll_interval: float,
    ) -> None:
        source = _ChangedRows(view, database, checkpoints)
        super().__init__(source, wakeups.listen(consumer_name(view)), poll_interval)

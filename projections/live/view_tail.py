"""The live tail of a view: its rows in the order of their last change."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from eventstore.mongo.driver import Collection, unavailable_if_down
from projections.querying.locator import ViewLocator
from projections.storage.rows import BY_CHANGE, Row
from subscriptions.feed.tail import Tail, TailReader

MAX_SETTLED_READS = 1_000
"""Settled reads that are kept for a cursor that is behind; without them its floor moves later."""


class _ChangeReader:
    """Reads the rows of all tenants whose last change lies between two positions.

    A row that changes again during the read moves beyond the second position, where the next read finds it.
    `has_rows_beyond` is whether the last read saw rows beyond the position that it returned, or left some
    out; `is_cut` is whether it left out rows that are complete.
    """

    def __init__(self, locator: ViewLocator) -> None:
        self._locator = locator
        self.has_rows_beyond = False
        self.is_cut = False

    async def read(self, after: int, limit: int) -> tuple[Sequence[Row], int]:
        stored, upto = await self._locator.reached()
        self.is_cut = False
        if upto <= after:
            return (), after
        rows = await self._find(stored, {"$gt": after}, limit)
        complete = [row for row in rows if row["_position"] <= upto]
        self.has_rows_beyond = len(complete) < len(rows) or len(rows) == limit
        if len(complete) < limit:
            return complete, upto
        self.is_cut, cut = True, rows[-1]["_position"]
        whole = [row for row in rows if row["_position"] < cut]
        # More rows than the limit may have changed at one position; they are read together.
        return (whole, cut - 1) if whole else (await self._find(stored, {"$gt": after, "$lte": cut}, 0), cut)

    async def _find(self, stored: Collection, positions: dict[str, int], limit: int) -> Sequence[Row]:
        changed = stored.find({"_position": positions}).sort(BY_CHANGE)
        with unavailable_if_down():
            rows = await changed.limit(limit).to_list(None)
        return self._locator.filled(stored, rows)


class _ViewChanges:
    """The changes of a view as the source of a tail."""

    def __init__(self, locator: ViewLocator) -> None:
        self._locator = locator

    async def head(self) -> int:
        return await self._locator.position()

    def reader(self) -> _ChangeReader:
        return _ChangeReader(self._locator)

    def position(self, row: Row) -> int:
        position: int = row["_position"]
        return position

    def erasure(self, rows: Sequence[Row]) -> int:
        return max((row.get("_scrubbed", 0) for row in rows), default=0)

    def edition(self) -> int:
        return self._locator.edition


class ViewTail(Tail[Row]):
    """The changes of one view, read once for all its subscribers in this process, with one cursor.

    A row that changes again before it is read is passed on in its later state alone, at a later position. So
    what a cursor has had up to some position may lack a state of a row from before. A read is *settled* if no
    row was beyond its end: once the cursor is there, it has had the state of every row at that position.
    """

    def __init__(self, locator: ViewLocator, poll_interval: float) -> None:
        super().__init__(_ViewChanges(locator), locator.listen(), poll_interval)
        self._is_cut = False
        self._floor = 0
        self._settled: deque[tuple[int, int]] = deque(maxlen=MAX_SETTLED_READS)
        """The first and last positions of settled reads in the ring that the cursor has not passed yet."""
        self._read_alone_upto = 0

    def begin_floor(self, position: int) -> None:
        """Note that the cursor begins here, and that rows are read from now on."""
        self._floor, self._read_alone_upto = position, 0

    def floor(self, position: int) -> int:
        while self._settled and self._settled[0][1] <= position:
            start, end = self._settled.popleft()
            if start >= self._read_alone_upto:
                self._floor = max(self._floor, end)
        return min(self._floor, position)

    async def _next(self, reader: TailReader[Row], position: int) -> tuple[Sequence[Row], int]:
        is_in_ring = self._ring is not None and position >= self._ring.start
        rows, reached = await super()._next(reader, position)
        if not is_in_ring:
            # It may have passed over a row that a read of the ring has found.
            self._read_alone_upto = reached
        return rows, reached

    async def _read_on(self, reader: TailReader[Row], position: int) -> tuple[Sequence[Row], int]:
        rows, end = await super()._read_on(reader, position)
        assert isinstance(reader, _ChangeReader)
        self._is_cut = reader.is_cut
        if end > position and not reader.has_rows_beyond:
            self._settled.append((position, end))
        return rows, end

    async def _rest(self, position: int) -> None:
        if not self._is_cut:
            await super()._rest(position)

"""Reading what subscribers are to be told, so that it fits what they were told and are going to be told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from domain.kernel.errors import StaleRead
from projections.live.filter_index import named_ids
from projections.live.view_dispatcher import ViewDispatcher
from projections.querying.filters import Filter
from projections.querying.queries import ViewReader
from projections.storage.rows import Row, place, row_key
from subscriptions.live.messages import Place

SETTLING = 2.0
"""Seconds that what was read waits for a checkpoint that is to follow rows which are written already."""

RETURNING = 30.0
"""And for one that comes back: what it is told of such rows it is told again, should it be cut off then."""

PATIENCE = 60.0
"""Seconds of one wait for a view that is behind the place a subscriber resumes at."""

MAX_MISSED = 10_000
"""Rows that may have changed while a subscriber was away; where there were more, it begins anew."""


class RowQuery(NamedTuple):
    """One tenant's rows that meet a filter, of which those who come are told the `first` ones first."""

    tenant: str
    filter: Filter
    first: int | None


class AlignedReader:
    """Reads for one group."""

    def __init__(self, dispatcher: ViewDispatcher, reader: ViewReader, asked: RowQuery) -> None:
        self._dispatcher = dispatcher
        self._reader = reader
        self._asked = asked

    async def changed(self, after: Place) -> Sequence[Row]:
        """The rows that changed since, some of which may concern those who watch; no more than are told."""
        ids = named_ids(self._asked.filter)
        if ids is None:
            return await self._reader.changed_since(self._asked.tenant, after.position, MAX_MISSED + 1)
        rows = await self._reader.stored_rows([row_key(self._asked.tenant, one) for one in ids])
        return [row for row in rows if place(row) > after]

    async def settled(self, position: int, places: Iterable[Place], *, returning: bool = False) -> bool:
        """Wait until all that was read has been told too; False where the view stands still before that."""
        within = RETURNING if returning else SETTLING
        goal = max((one.position for one in places), default=0)
        return await self._dispatcher.reach(max(goal, position), within)

    async def view_there(self, position: int) -> int:
        """Wait until the view is where it was told to be: it may be built anew. Its position."""
        goal = max(position, self._dispatcher.position)
        while (reached := await self._reader.position()) < goal:
            try:
                await self._reader.wait_for(goal, PATIENCE)
            except StaleRead:
                continue
        return reached

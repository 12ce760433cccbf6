"""The query side of a view: one row, pages, counts, and waiting for a position."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain.kernel.errors import StaleRead, ValidationFailed
from eventstore.driver import unavailable_if_down
from projections.indexes import check_indexes
from projections.querying.fields import Fields, projection
from projections.querying.filters import EVERYTHING, Filter, parse_filter, to_mongo
from projections.querying.ordering import Order, OrderBy, parse_order
from projections.rows import BY_CHANGE, LAST_CHANGED_FIRST, Row, row_key
from projections.standing import ViewStanding


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in order, and whether there are more on either side of them."""

    rows: Sequence[Row]
    has_next: bool
    has_previous: bool
    order: Order

    def cursor(self, row: Row) -> str:
        """The cursor of one of the rows."""
        return self.order.cursor(row)


class ViewReader:
    """Reads one view. Every method raises Unavailable where MongoDB does not answer in time.

    Making one raises DeclarationError where the view filters or sorts by what cannot be compared.
    """

    def __init__(self, standing: ViewStanding) -> None:
        check_indexes(standing.view)
        self.view = standing.view
        self._standing = standing

    async def get(self, tenant: str, id: str, *, fields: Fields | None = None) -> Row | None:
        """The tenant's row of this id; with `fields` no more of it than these."""
        rows = await self._standing.rows()
        with unavailable_if_down():
            row = await rows.find_one({"_id": row_key(tenant, id)}, projection(fields, "_gone"))
        return None if row is None or row["_gone"] else row

    async def stored(self, key: str) -> Row | None:
        """The row of this key, even if it is gone."""
        stored = await self._standing.rows()
        with unavailable_if_down():
            return await stored.find_one({"_id": key})

    async def page(
        self,
        tenant: str,
        filter: Mapping[str, Any] | None = None,
        order: OrderBy | None = None,
        *,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
        fields: Fields | None = None,
    ) -> Page:
        """The `first` rows behind the cursor `after`, or the `last` ones before the cursor `before`.

        With `fields` they hold no more than these, and what their cursors are made of.
        Raises ValidationFailed at ``filter``, ``orderBy`` or the argument that is wrong.
        """
        size = _size(first, last)
        backward = last is not None
        by = parse_order(self.view, order)
        parts = [to_mongo(parse_filter(self.view, filter))]
        if after is not None:
            parts.append(by.behind(after, ("after",)))
        if before is not None:
            parts.append(by.behind(before, ("before",), backward=True))
        wanted, stored = {**_live(tenant), "$and": parts}, await self._standing.rows()
        found = stored.find(wanted, projection(fields, *by.names)).sort(by.sort(backward=backward))
        with unavailable_if_down():
            rows = await found.limit(size + 1).to_list(None)
        more, rows = len(rows) > size, rows[:size]
        if backward:
            return Page(rows[::-1], before is not None, more, by)
        return Page(rows, more, after is not None, by)

    async def matching(
        self, tenant: str, filter: Filter, position: int, limit: int | None = None
    ) -> list[Row]:
        """The tenant's rows for which `filter` holds and that came to be up to `position`; at most `limit`.

        What changed last comes first. A row may be further on than `position`.
        """
        wanted = {**_live(tenant), "_created": {"$lte": position}, **to_mongo(filter)}
        found = (await self._standing.rows()).find(wanted).sort(LAST_CHANGED_FIRST)
        with unavailable_if_down():
            return list(await found.limit(limit or 0).to_list(None))

    async def changed_since(self, tenant: str, position: int) -> AsyncGenerator[Row, None]:
        """The tenant's rows that changed at `position` or later, gone ones too, by their last change.

        A row that changes while this goes on may come again.
        """
        stored = await self._standing.rows()
        with unavailable_if_down():
            wanted = {"_tenant": tenant, "_position": {"$gte": position}}
            async for row in stored.find(wanted).sort(BY_CHANGE):
                yield row

    async def count(self, tenant: str, filter: Mapping[str, Any] | None = None) -> int:
        """How many rows match. Raises ValidationFailed at ``filter``."""
        parsed = parse_filter(self.view, filter)
        wanted = _live(tenant) if parsed == EVERYTHING else {**_live(tenant), **to_mongo(parsed)}
        stored = await self._standing.rows()
        with unavailable_if_down():
            return await stored.count_documents(wanted)

    async def position(self) -> int:
        """The position up to which the view holds every change."""
        return await self._standing.position()

    async def wait_for(self, position: int, within: float) -> None:
        """Until the view has reached `position`; raises StaleRead where `within` seconds are not enough."""
        reached = await self._standing.reach(position, within)
        if reached < position:
            raise StaleRead(self.view.name, position - reached)


def _live(tenant: str) -> dict[str, Any]:
    return {"_tenant": tenant, "_gone": False}


def _size(first: int | None, last: int | None) -> int:
    if (first is None) == (last is None):
        raise ValidationFailed("give either 'first' or 'last'", ("first",))
    size = first if first is not None else last
    assert size is not None
    if size < 0:
        raise ValidationFailed("a page cannot have less than no rows", ("first" if last is None else "last",))
    return size

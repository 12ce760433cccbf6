"""Pages of a list, and the queries for them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from projections.querying.fields import Fields
from projections.querying.filters import Filter
from projections.querying.ordering import OrderBy, RowOrder
from projections.querying.row_reads import ListRead
from projections.storage.rows import Row

Side = bool | Callable[[], Awaitable[bool]]
"""Whether there are more rows on a side of a page: a value, or a function that looks it up."""


@dataclass(frozen=True, slots=True)
class PageQuery:
    """A query for a page of at most `size` rows that match a filter, between two cursors.

    With `backward` the page has the last rows before the cursor `before`, otherwise the first rows after the
    cursor `after`. With `fields`, rows are reduced to these and to the fields of their cursors.
    """

    size: int
    filter: Mapping[str, Any] | None = None
    order: OrderBy | None = None
    after: str | None = None
    before: str | None = None
    backward: bool = False
    fields: Fields | None = None

    @property
    def beginning(self) -> str | None:
        """The cursor at which the page begins, in the direction in which it is read."""
        return self.before if self.backward else self.after


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery(PageQuery):
    """A query for a page of a view's rows; `search` has words that they must contain."""

    search: str | None = None

    @property
    def key(self) -> Hashable:
        """A value that is equal for equal queries, and for no others."""
        # A filter cannot be hashed; different ones have different texts.
        filter_text = None if self.filter is None else repr(self.filter)
        order = None if self.order is None else tuple(self.order)
        cursors = (self.after, self.before, self.backward)
        return (self.size, filter_text, order, *cursors, self.fields, self.search)

    def describe_read(self, rows: Sequence[Row], filter: Filter, order: RowOrder) -> ListRead | None:
        """Return what was read: rows in the direction of the page, with one row beyond it if there is one.

        Returns None for a search, whose matches are not found without MongoDB.
        """
        if self.search is not None:
            return None
        window = order.window(self.after, self.before)
        low, high = window.low, window.high
        if len(rows) > self.size:
            edge = order.key(rows[-1])
            low, high = (edge, high) if self.backward else (low, edge)
        return ListRead([row["id"] for row in rows], filter, order, low, high)


@dataclass(frozen=True, slots=True)
class Page:
    """A page of rows in order, and whether there are more on either side.

    `describe_read` returns the part of the list that was read for it, if that is known.
    """

    rows: Sequence[Row]
    has_next: Side
    has_previous: Side
    order: RowOrder
    describe_read: Callable[[], ListRead | None] | None = None

    def cursor(self, row: Row) -> str:
        """Return the cursor of one of the rows."""
        return self.order.cursor(row)

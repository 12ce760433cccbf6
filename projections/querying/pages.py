"""Pages of a list, and the queries for them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from projections.querying.fields import Fields
from projections.querying.ordering import OrderBy, RowOrder
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


@dataclass(frozen=True, slots=True)
class Page:
    """A page of rows in order, and whether there are more on either side."""

    rows: Sequence[Row]
    has_next: Side
    has_previous: Side
    order: RowOrder

    def cursor(self, row: Row) -> str:
        """Return the cursor of one of the rows."""
        return self.order.cursor(row)

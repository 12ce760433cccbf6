"""Pages of a list: rows in order, and whether there are more before and after them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from domain.kernel.errors import ValidationFailed
from projections.querying.ordering import Order
from projections.storage.rows import Row

Side = bool | Callable[[], Awaitable[bool]]
"""Whether there are more rows on a side of a page: a value, or a function that looks it up."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of rows in order, and whether there are more on either side."""

    rows: Sequence[Row]
    has_next: Side
    has_previous: Side
    order: Order

    def cursor(self, row: Row) -> str:
        """Return the cursor of one of the rows."""
        return self.order.cursor(row)


def page_size(first: int | None, last: int | None) -> int:
    """Return the maximum number of rows of a page.

    Raises ValidationFailed for both arguments, for none of them, and for a negative one.
    """
    if (first is None) == (last is None):
        raise ValidationFailed("give either 'first' or 'last'", ("first",))
    size = first if first is not None else last
    assert size is not None
    if size < 0:
        raise ValidationFailed(
            "a page cannot have a negative number of rows", ("first" if last is None else "last",)
        )
    return size

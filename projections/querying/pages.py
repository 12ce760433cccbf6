"""Pages of a list: rows in order, and whether there are more before and behind them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from domain.kernel.errors import ValidationFailed
from projections.querying.ordering import Order
from projections.storage.rows import Row

Side = bool | Callable[[], Awaitable[bool]]
"""Whether there is more on a side of a page: known, or looked up when it is needed."""


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in order, and whether there are more on either side of them."""

    rows: Sequence[Row]
    has_next: Side
    has_previous: Side
    order: Order

    def cursor(self, row: Row) -> str:
        """The cursor of one of the rows."""
        return self.order.cursor(row)


def page_size(first: int | None, last: int | None) -> int:
    """How many rows a page has at most. Raises ValidationFailed for both, none, or a negative one."""
    if (first is None) == (last is None):
        raise ValidationFailed("give either 'first' or 'last'", ("first",))
    size = first if first is not None else last
    assert size is not None
    if size < 0:
        raise ValidationFailed("a page cannot have less than no rows", ("first" if last is None else "last",))
    return size

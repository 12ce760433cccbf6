"""Orders and keyset cursors: a list continues where a page ended, without counting rows.

A cursor is the sort key of one row: the values of the order's fields and the id, which breaks ties. Null
comes first, as MongoDB sorts it. A cursor carries the mark of its list, and is valid in no other list.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from typing import Any, Literal

import orjson
from bson.decimal128 import Decimal128

from domain.kernel.errors import ValidationFailed
from domain.kernel.names import client_name
from domain.kernel.types.annotations import Kind
from domain.kernel.types.text_forms import read_decimal
from projections.kernel.field_kinds import kinds
from projections.kernel.view import View
from projections.querying.filters import EVERYTHING, Filter
from projections.querying.marks import mark
from projections.querying.values import Path, comparable, stored_value
from projections.storage.rows import Row

Direction = Literal["asc", "desc"]
OrderBy = Sequence[tuple[str, Direction]]

MAX_ORDER_FIELDS = 4

_MALFORMED = "this is no cursor of this list; leave it out to start from the beginning"
_OTHER = "this cursor is of another list, order, filter or search; leave it out to start from the beginning"

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


Key = tuple[Any, ...]


class _Descending:
    """A rank that compares in reverse."""

    __slots__ = ("rank",)

    def __init__(self, rank: tuple[bool, Any]) -> None:
        self.rank = rank

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descending) and self.rank == other.rank

    def __lt__(self, other: _Descending) -> bool:
        return other.rank < self.rank

    __hash__ = None  # type: ignore[assignment]


def _rank(value: Any) -> tuple[bool, Any]:
    """Return a key that sorts null before all other values."""
    if isinstance(value, datetime):
        return (True, _aware(value))
    return (value is not None, comparable(value))


def _aware(moment: datetime) -> datetime:
    """Return the moment with its time zone: rows that are read directly have moments in UTC without it."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


@dataclass(frozen=True)
class RowOrder:
    """The order of a list: fields with their kinds and whether they descend; the last one is the id.

    `view`, `filter` and `search` identify the list in which the cursors are valid.
    """

    fields: tuple[tuple[str, Kind, bool], ...]
    view: str
    filter: Filter = EVERYTHING
    search: str | None = None

    @property
    def names(self) -> Sequence[str]:
        """The names of the fields, whose values make up a row's cursor."""
        return [name for name, _, _ in self.fields]

    @property
    def keys(self) -> tuple[tuple[str, bool], ...]:
        """The fields, and whether they descend."""
        return tuple((name, descends) for name, _, descends in self.fields)

    def sort(self, *, backward: bool = False) -> list[tuple[str, int]]:
        """Return the order as MongoDB's sort argument."""
        return [(name, -1 if descends != backward else 1) for name, _, descends in self.fields]

    def cursor(self, row: Row) -> str:
        """Return the place of a row in this order, as an opaque text."""
        values = [_packed(row.get(name)) for name, _, _ in self.fields]
        return urlsafe_b64encode(orjson.dumps([self._mark, values])).rstrip(b"=").decode()

    def beyond(self, cursor: str, path: Path, *, backward: bool = False, at: bool = False) -> dict[str, Any]:
        """Return the MongoDB filter for the rows after the cursor, or with `backward` before it.

        With `at`, the filter includes the row at the cursor. Raises ValidationFailed at `path` for a cursor
        that is malformed or of another list.
        """
        alternatives: list[dict[str, Any]] = []
        same: dict[str, Any] = {}
        for (name, _, descends), value in zip(self.fields, self._values(cursor, path), strict=True):
            further = _further(value, descends != backward)
            if further is not None:
                alternatives.append({**same, name: further})
            same[name] = {"$eq": value}
        if at:
            alternatives.append(same)
        if not alternatives:
            raise ValidationFailed(_MALFORMED, path)
        # MongoDB reads each alternative from the index in order and merges the results.
        return {"$or": alternatives} if len(alternatives) > 1 else alternatives[0]

    @cached_property
    def _mark(self) -> str:
        order = (f"-{name}" if descends else name for name, _, descends in self.fields)
        return mark(self.filter, self.view, self.search, *order)

    def key(self, row: Row) -> Key:
        """Return the sort key of a row, which orders rows in memory as MongoDB does."""
        return self._key([row.get(name) for name, _, _ in self.fields])

    def window(self, after: str | None, before: str | None) -> Window:
        """Return the part of the list after the one cursor and before the other. Raises as `beyond`."""
        low = None if after is None else self._key(self._values(after, ("after",)))
        high = None if before is None else self._key(self._values(before, ("before",)))
        return Window(self, low, high)

    def _key(self, values: Sequence[Any]) -> Key:
        pairs = zip(self.fields, values, strict=True)
        return tuple(
            [_Descending(_rank(value)) if descends else _rank(value) for (_, _, descends), value in pairs]
        )

    def _values(self, cursor: str, path: Path) -> list[Any]:
        try:
            list_mark, values = orjson.loads(urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)))
            if list_mark == self._mark:
                return [
                    _unpacked(kind, value, path)
                    for (_, kind, _), value in zip(self.fields, values, strict=True)
                ]
        except (ValueError, TypeError, OverflowError):
            raise ValidationFailed(_MALFORMED, path) from None
        raise ValidationFailed(_OTHER, path)


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a list between two keys; None is an open end."""

    order: RowOrder
    low: Key | None
    high: Key | None

    def contains(self, row: Row) -> bool:
        """Return whether the row lies in the window."""
        return not self.precedes(row) and not self.follows(row)

    def precedes(self, row: Row) -> bool:
        """Return whether the row lies before the window, or at its lower key."""
        return self.low is not None and not self.low < self.order.key(row)

    def follows(self, row: Row) -> bool:
        """Return whether the row lies after the window, or at its upper key."""
        return self.high is not None and not self.order.key(row) < self.high


def parse_order(
    view: View[Any],
    order: OrderBy | None,
    path: Path = ("orderBy",),
    *,
    filter: Filter = EVERYTHING,
    search: str | None = None,
) -> RowOrder:
    """Return the order by these fields, then by id, of the list with this filter and search.

    Raises ValidationFailed below `path` for a field that the view does not sort by, a field that is named
    twice, and too many fields.
    """
    if not order and filter == EVERYTHING and search is None:
        return _order_by_id(view)
    directions = list(order or ())
    if len(directions) > MAX_ORDER_FIELDS:
        raise ValidationFailed(f"a list is sorted by at most {MAX_ORDER_FIELDS} fields", path)
    for i, (name, _) in enumerate(directions):
        if name not in view.orders or name in (earlier for earlier, _ in directions[:i]):
            raise ValidationFailed(
                f"{client_name(view.name)} cannot be sorted by {client_name(name)!r}, or not again",
                (*path, i),
            )
    if "id" not in (name for name, _ in directions):
        directions.append(("id", directions[-1][1] if directions else "asc"))
    by_name = kinds(view)
    fields = tuple((name, by_name[name].kind, direction == "desc") for name, direction in directions)
    return RowOrder(fields, view.name, filter, search)


@cache
def _order_by_id(view: View[Any]) -> RowOrder:
    """Return the order of the list of all rows, which has its mark only once."""
    return RowOrder((("id", kinds(view)["id"].kind, False),), view.name)


def _further(value: Any, descends: bool) -> dict[str, Any] | None:
    """Return the condition for values strictly after this one; None if there are none."""
    if value is None:
        return None if descends else {"$ne": None}
    # Unlike `$lt`, the negation matches null too.
    return {"$not": {"$gte": value}} if descends else {"$gt": value}


def _packed(value: Any) -> Any:
    """Return a stored value as JSON: a time in milliseconds, a decimal number as its digits."""
    if isinstance(value, datetime):
        return (_aware(value) - EPOCH) // MILLISECOND
    return str(value) if isinstance(value, Decimal128) else value


def _unpacked(kind: Kind, value: Any, path: Path) -> Any:
    if value is None:
        return None
    match kind:
        case Kind.DATETIME:
            return EPOCH + stored_value(Kind.INTEGER, value, path) * MILLISECOND
        case Kind.DECIMAL:
            return stored_value(kind, read_decimal(value), path)
        case Kind.DURATION:
            return stored_value(Kind.INTEGER, value, path)
        case Kind.DATE | Kind.TIME | Kind.UUID:
            return stored_value(Kind.TEXT, value, path)
    return stored_value(kind, value, path)

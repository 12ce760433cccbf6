"""Whether an index serves a query: determined from the query's shape, before it is sent to MongoDB.

An index serves a filter if MongoDB reads only matching entries of it: the index begins with all fields of the
filter, first the fields compared by equality, then one with a range. Without a filter an index must provide
the order; rows that match a filter can be sorted in memory. An alternative (`or`) is served if each of its
parts is, and a filter by ids always. No index serves `contains` on a text, or its negation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple

from projections.kernel.field_kinds import kinds
from projections.kernel.view import View
from projections.querying.filters import AllOf, AnyOf, FieldCondition, Filter, Not, negation
from projections.storage.indexes import RowIndex, row_indexes

MAX_WAYS = 64
"""Ways to match a filter; a filter with more counts as not served."""

CACHED_SHAPES = 2_000

Shape = tuple[Any, ...]
"""A filter without its values: ("is" | "not", field, operator) or ("and" | "or", *shapes)."""

Keys = tuple[tuple[str, bool], ...]
"""Fields, and whether they descend."""


class IndexScan(IntEnum):
    """How much of an index MongoDB reads for a condition on a field."""

    POINTS = 1
    RANGE = 2
    ALL = 3


class Term(NamedTuple):
    """A condition, or its negation: `sign` is "is" or "not"."""

    sign: str
    field: str
    operator: str

    @property
    def client_operator(self) -> str:
        """The operator as clients write it."""
        return {"element": "contains", "null": "isNull", "some": "isNull"}.get(self.operator, self.operator)

    @property
    def scan(self) -> IndexScan:
        return _SCANS[self.operator][self.sign == "not"]


_OF_ELEMENTS = ("element", "elementIn")

_SCANS: Mapping[str, tuple[IndexScan, IndexScan]] = {
    **dict.fromkeys(("eq", "in", "null"), (IndexScan.POINTS, IndexScan.RANGE)),
    **dict.fromkeys(("ne", "lt", "lte", "gt", "gte", "some"), (IndexScan.RANGE, IndexScan.RANGE)),
    **dict.fromkeys(_OF_ELEMENTS, (IndexScan.POINTS, IndexScan.ALL)),
    "startsWith": (IndexScan.RANGE, IndexScan.ALL),
    "contains": (IndexScan.ALL, IndexScan.ALL),
}


def shape_of(filter: Filter) -> Shape:
    """Return the shape of a filter."""
    match filter:
        case FieldCondition(field, "isNull", value):
            return ("is", field, "null" if value else "some")
        case FieldCondition(field, name, _):
            return ("is", field, name)
        case Not(FieldCondition(field, name, _)):
            return ("not", field, name)
        case Not(part):
            return shape_of(negation(part))
        case AllOf(parts):
            return ("and", *map(shape_of, parts))
        case AnyOf(parts):
            return ("or", *map(shape_of, parts))


@lru_cache(CACHED_SHAPES)
def missing_index(view: View[Any], shape: Shape, order: Keys | None) -> str | None:
    """Return why no index serves a query of this shape, and what would; None if one does.

    `order` ends with the id; it is None if the order does not matter, as for a count.
    """
    ways = _ways(shape)
    if len(ways) > MAX_WAYS:
        return f"a filter that can be met in more than {MAX_WAYS} ways is too complex for an index"
    for way in ways:
        scans = _scans(view, way)
        if not _is_served(row_indexes(view), scans, order, alone=len(ways) == 1):
            return _remedy(view, way, scans, order)
    return None


def served_parts(view: View[Any], filter: Filter) -> list[Filter]:
    """Return the largest parts of a filter that indexes serve, of the conditions that every row must meet."""
    conditions = list(_required(filter))
    scans = _scans(view, (Term(*shape_of(condition)) for condition in conditions))
    field_sets = {frozenset(_served_fields(index.keys, scans)) for index in row_indexes(view)}
    largest = [fields for fields in field_sets if not any(fields < other for other in field_sets)]
    return [
        AllOf(tuple(condition for condition in conditions if condition.field in fields)) for fields in largest
    ]


def _required(filter: Filter) -> Iterator[FieldCondition]:
    match filter:
        case FieldCondition():
            yield filter
        case AllOf(parts):
            for part in parts:
                yield from _required(part)


def _ways(shape: Shape) -> list[tuple[Term, ...]]:
    """Return the ways to match a filter, each as its terms; at most one more than `MAX_WAYS`."""
    word, *parts = shape
    if word in ("is", "not"):
        return [(Term(*shape),)]
    if word == "or":
        return [way for part in parts for way in _ways(part)][: MAX_WAYS + 1]
    ways: list[tuple[Term, ...]] = [()]
    for part in parts:
        ways = [way + addition for way, addition in product(ways, _ways(part))][: MAX_WAYS + 1]
    return ways


def _scans(view: View[Any], way: Iterable[Term]) -> dict[str, IndexScan]:
    """Return how much of an index is read for each field; for a list, MongoDB looks up only one element."""
    scans: dict[str, IndexScan] = {}
    for term in way:
        scan = term.scan
        if kinds(view)[term.field].is_list and (term.operator not in _OF_ELEMENTS or term.field in scans):
            scan = IndexScan.ALL
        other = scans.get(term.field, scan)
        scans[term.field] = IndexScan.ALL if IndexScan.ALL in (other, scan) else min(other, scan)
    return scans


def _is_served(
    indexes: Iterable[RowIndex], scans: Mapping[str, IndexScan], order: Keys | None, *, alone: bool
) -> bool:
    if scans.get("id") is IndexScan.POINTS:
        return True
    if scans:
        # MongoDB reads only matching entries.
        return any(len(_served_fields(index.keys, scans)) == len(scans) for index in indexes)
    return alone and (order is None or any(_is_sorted(index.keys, order) for index in indexes))


def _served_fields(keys: Keys, scans: Mapping[str, IndexScan]) -> list[str]:
    """Return the fields whose conditions limit what is read of the index."""
    fields: list[str] = []
    for field, _ in keys:
        scan = scans.get(field, IndexScan.ALL)
        if scan is not IndexScan.ALL:
            fields.append(field)
        if scan is not IndexScan.POINTS:
            break
    return fields


def _is_sorted(keys: Keys, order: Keys) -> bool:
    """Return whether the index provides the order, read forward or backward."""
    return keys[: len(order)] in (order, tuple((field, not descends) for field, descends in order))


def _remedy(view: View[Any], way: Iterable[Term], scans: Mapping[str, IndexScan], order: Keys | None) -> str:
    unserved_fields = sorted(field for field, scan in scans.items() if scan is IndexScan.ALL)
    ranges = sorted(field for field, scan in scans.items() if scan is IndexScan.RANGE)
    points = sorted(field for field, scan in scans.items() if scan is IndexScan.POINTS)
    if unserved_fields:
        operators = sorted(
            {f"{term.client_operator} on {term.field}" for term in way if term.field in unserved_fields}
        )
        search = "; a search does" if view.search else "; declare `search` to find rows by their words"
        return f"no index can serve {', '.join(operators)}{search}"
    if len(ranges) > 1:
        return f"no index can serve more than one range, as here of {' and '.join(ranges)}"
    sorting = [key for key in order or () if key[0] not in points][:-1]
    if ranges and (not sorting or sorting[0][0] != ranges[0]):
        sorting = [(ranges[0], False)]
    keys = (*((field, False) for field in points), *sorting)
    index = tuple(f"-{field}" if descends else field for field, descends in keys)
    return f"declare the index {index!r} in the view"

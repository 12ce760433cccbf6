"""Whether an index serves a query: told by its shape, before it is asked.

An index serves a filter if what MongoDB reads by it is what matches: the index begins with all fields of the
filter, first those compared by equality, then one by a range. Without a filter an index must give the order;
what a filter lets through is sorted in memory where no index does. An alternative (`or`) is served if each of
its parts is, and a filter by ids always. Nothing serves `contains` on a text, nor its negation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple

from projections.kernel.field_kinds import kinds
from projections.kernel.view import View
from projections.querying.filters import AllOf, AnyOf, Condition, Filter, Not, negation
from projections.storage.indexes import RowIndex, row_indexes

MAX_WAYS = 64
"""Ways to meet a filter; of one with more, it is not told."""

CACHED_SHAPES = 2_000

Shape = tuple[Any, ...]
"""A filter without its values: ("is" | "not", field, operator) or ("and" | "or", *shapes)."""

Keys = tuple[tuple[str, bool], ...]
"""Fields, and whether they descend."""


class Reach(IntEnum):
    """What MongoDB reads of an index for a condition on a field."""

    POINTS = 1
    RANGE = 2
    ALL = 3


class Term(NamedTuple):
    """A condition, or what is left where it does not hold."""

    holds: str
    field: str
    operator: str

    @property
    def said(self) -> str:
        """The operator as clients know it."""
        return {"element": "contains", "null": "isNull", "some": "isNull"}.get(self.operator, self.operator)

    @property
    def reach(self) -> Reach:
        return _REACH[self.operator][self.holds == "not"]


_REACH: Mapping[str, tuple[Reach, Reach]] = {
    **dict.fromkeys(("eq", "in", "null"), (Reach.POINTS, Reach.RANGE)),
    **dict.fromkeys(("ne", "lt", "lte", "gt", "gte", "some"), (Reach.RANGE, Reach.RANGE)),
    "element": (Reach.POINTS, Reach.ALL),
    "startsWith": (Reach.RANGE, Reach.ALL),
    "contains": (Reach.ALL, Reach.ALL),
}


def shape_of(filter: Filter) -> Shape:
    """The shape of a filter."""
    match filter:
        case Condition(field, "isNull", value):
            return ("is", field, "null" if value else "some")
        case Condition(field, name, _):
            return ("is", field, name)
        case Not(Condition(field, name, _)):
            return ("not", field, name)
        case Not(part):
            return shape_of(negation(part))
        case AllOf(parts):
            return ("and", *map(shape_of, parts))
        case AnyOf(parts):
            return ("or", *map(shape_of, parts))


@lru_cache(CACHED_SHAPES)
def unserved(view: View[Any], shape: Shape, order: Keys | None) -> str | None:
    """Why no index serves such a query, and what would; None where one does.

    `order` ends with the id; None where the order is of no account, as for a count.
    """
    ways = _ways(shape)
    if len(ways) > MAX_WAYS:
        return f"a filter that can be met in more than {MAX_WAYS} ways is too much to look through"
    for way in ways:
        reaches = _reaches(view, way)
        if not _is_served(row_indexes(view), reaches, order, alone=len(ways) == 1):
            return _remedy(view, way, reaches, order)
    return None


def served_parts(view: View[Any], filter: Filter) -> list[Filter]:
    """The parts of a filter that indexes serve, of what must hold in any case; without one, of nothing."""
    conditions = list(_required(filter))
    reaches = _reaches(view, (Term(*shape_of(condition)) for condition in conditions))
    several = {frozenset(_served(index.keys, reaches)) for index in row_indexes(view)}
    largest = [fields for fields in several if not any(fields < other for other in several)]
    return [AllOf(tuple(one for one in conditions if one.field in fields)) for fields in largest]


def _required(filter: Filter) -> Iterator[Condition]:
    match filter:
        case Condition():
            yield filter
        case AllOf(parts):
            for part in parts:
                yield from _required(part)


def _ways(shape: Shape) -> list[tuple[Term, ...]]:
    """The ways to meet a filter, each with all that must hold; of too many, some more than `MAX_WAYS`."""
    word, *inner = shape
    if word in ("is", "not"):
        return [(Term(*shape),)]
    if word == "or":
        return [way for part in inner for way in _ways(part)][: MAX_WAYS + 1]
    found: list[tuple[Term, ...]] = [()]
    for part in inner:
        found = [one + other for one, other in product(found, _ways(part))][: MAX_WAYS + 1]
    return found


def _reaches(view: View[Any], way: Iterable[Term]) -> dict[str, Reach]:
    """What is read of an index for each field; of a list, MongoDB looks only one element up."""
    found: dict[str, Reach] = {}
    for term in way:
        reach = term.reach
        if kinds(view)[term.field].is_list and (term.operator != "element" or term.field in found):
            reach = Reach.ALL
        known = found.get(term.field, reach)
        found[term.field] = Reach.ALL if Reach.ALL in (known, reach) else min(known, reach)
    return found


def _is_served(
    indexes: Iterable[RowIndex], reaches: Mapping[str, Reach], order: Keys | None, *, alone: bool
) -> bool:
    if reaches.get("id") is Reach.POINTS:
        return True
    if reaches:
        # What is read is what matches.
        return any(len(_served(index.keys, reaches)) == len(reaches) for index in indexes)
    return alone and (order is None or any(_is_sorted(index.keys, order) for index in indexes))


def _served(keys: Keys, reaches: Mapping[str, Reach]) -> list[str]:
    """The fields whose conditions tell what is read of the index."""
    found: list[str] = []
    for field, _ in keys:
        reach = reaches.get(field, Reach.ALL)
        if reach is not Reach.ALL:
            found.append(field)
        if reach is not Reach.POINTS:
            break
    return found


def _is_sorted(keys: Keys, order: Keys) -> bool:
    """Whether the index gives the order, read one way or the other."""
    return keys[: len(order)] in (order, tuple((field, not descends) for field, descends in order))


def _remedy(view: View[Any], way: Iterable[Term], reaches: Mapping[str, Reach], order: Keys | None) -> str:
    everything = sorted(field for field, reach in reaches.items() if reach is Reach.ALL)
    ranges = sorted(field for field, reach in reaches.items() if reach is Reach.RANGE)
    points = sorted(field for field, reach in reaches.items() if reach is Reach.POINTS)
    if everything:
        operators = sorted({f"{term.said} on {term.field}" for term in way if term.field in everything})
        search = "; a search does" if view.search else "; declare `search` for what is to be found by words"
        return f"no index can serve {', '.join(operators)}{search}"
    if len(ranges) > 1:
        return f"no index can serve more than one range, as here of {' and '.join(ranges)}"
    sorting = [key for key in order or () if key[0] not in points][:-1]
    if ranges and (not sorting or sorting[0][0] != ranges[0]):
        sorting = [(ranges[0], False)]
    keys = (*((field, False) for field in points), *sorting)
    index = tuple(f"-{field}" if descends else field for field, descends in keys)
    return f"declare the index {index!r} in the view"

"""Typed filters over a view's rows: one tree, as a MongoDB filter and as a predicate that agrees with it.

The input is ``{field: {operator: value}, "and": [...], "or": [...], "not": {...}}``. All given parts must
match, and a part that is None is ignored. A field without a value is null: `eq` and `ne` compare with null,
`in` and `isNull` match it, all other operators never match it. Texts compare by code point and are
case-sensitive, decimal numbers compare by value. On a list, `contains` matches an element. Rules of access
also have `elementIn`, which matches a list that has one of several elements.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain.kernel.errors import ValidationFailed
from domain.kernel.names import client_name
from domain.kernel.types.annotations import Kind
from projections.kernel.field_kinds import FieldKind, kinds
from projections.kernel.view import View
from projections.querying.values import checked, comparable, has_decimals
from projections.storage.rows import Row

MAX_CONDITIONS = 200
MAX_DEPTH = 20

Path = tuple[str | int, ...]
Predicate = Callable[[Row], bool]


@dataclass(frozen=True, slots=True)
class FieldCondition:
    """A comparison of one field with one value."""

    field: str
    operator: str
    value: Any


@dataclass(frozen=True, slots=True)
class AllOf:
    """A filter that matches if every part matches, also if there are no parts."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """A filter that matches if at least one part matches."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """A filter that matches if its part does not."""

    part: Filter


Filter = FieldCondition | AllOf | AnyOf | Not

EVERYTHING = AllOf(())

NOTHING = AnyOf(())
"""The filter that matches no row."""


@dataclass(frozen=True, slots=True)
class _Operator:
    """An operator in both forms: as a MongoDB expression, and as a Python test."""

    mongo: Callable[[Any], Any]
    test: Callable[[Any, Any], bool]


def _not_null(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda stored, value: stored is not None and test(stored, value)


def _overlap(stored: Sequence[Any], value: Sequence[Any]) -> bool:
    return any(item in value for item in stored)


_OPERATORS: Mapping[str, _Operator] = {
    "eq": _Operator(lambda value: {"$eq": value}, operator.eq),
    "ne": _Operator(lambda value: {"$ne": value}, operator.ne),
    "in": _Operator(lambda value: {"$in": value}, lambda stored, value: stored in value),
    "lt": _Operator(lambda value: {"$lt": value}, _not_null(operator.lt)),
    "lte": _Operator(lambda value: {"$lte": value}, _not_null(operator.le)),
    "gt": _Operator(lambda value: {"$gt": value}, _not_null(operator.gt)),
    "gte": _Operator(lambda value: {"$gte": value}, _not_null(operator.ge)),
    "contains": _Operator(lambda value: {"$regex": re.escape(value)}, _not_null(operator.contains)),
    "startsWith": _Operator(lambda value: {"$regex": "^" + re.escape(value)}, _not_null(str.startswith)),
    "element": _Operator(lambda value: {"$eq": value}, _not_null(operator.contains)),
    "elementIn": _Operator(lambda value: {"$in": value}, _not_null(_overlap)),
    "isNull": _Operator(
        lambda value: {"$eq": None} if value else {"$ne": None},
        lambda stored, value: (stored is None) is value,
    ),
}
COMPARED_WITH_NULL = frozenset({"eq", "ne"})
"""Operators that compare with null; for every other operator null means no condition."""

_EQUALITY = frozenset({"eq", "ne", "in", "isNull"})
_RANGE = _EQUALITY | {"lt", "lte", "gt", "gte"}
_ALLOWED: Mapping[Kind, frozenset[str]] = {
    Kind.TEXT: _RANGE | {"contains", "startsWith"},
    Kind.BOOLEAN: _EQUALITY,
    Kind.UUID: _EQUALITY,
    Kind.BYTES: _EQUALITY,
}
"""The operators of a kind; kinds that are not listed have the operators of ranges."""

_OF_LISTS = frozenset({"contains", "isNull"})


def operators(kind: FieldKind) -> frozenset[str]:
    """Return the operators that conditions on a field of this kind may have."""
    return _OF_LISTS if kind.is_list else _ALLOWED.get(kind.kind, _RANGE)


def parse_filter(view: View[Any], data: Mapping[str, Any] | None, path: Path = ("filter",)) -> Filter:
    """Return the filter that `data` describes.

    Raises ValidationFailed, with a path below `path`, for a field that the view does not filter by, an
    operator that the field does not have, a value of another kind, and more than 200 conditions or 20 levels.
    """
    parsed = EVERYTHING if data is None else AllOf(tuple(_parts(view, data, path, MAX_DEPTH)))
    if size(parsed) > MAX_CONDITIONS:
        raise ValidationFailed(f"a filter may have at most {MAX_CONDITIONS} conditions", path)
    return parsed


def _parts(view: View[Any], data: Any, path: Path, depth: int) -> Iterator[Filter]:
    if not isinstance(data, Mapping):
        raise ValidationFailed("a filter maps fields to conditions", path)
    if not depth:
        raise ValidationFailed(f"a filter may be at most {MAX_DEPTH} levels deep", path)
    for name, value in data.items():
        here = (*path, name)
        if value is None and name in ("and", "or", "not"):
            continue
        if name == "not":
            yield Not(AllOf(tuple(_parts(view, value, here, depth - 1))))
        elif name in ("and", "or"):
            if not isinstance(value, Sequence) or isinstance(value, str):
                raise ValidationFailed(f"{name!r} takes a list of filters", here)
            parts = tuple(
                AllOf(tuple(_parts(view, part, (*here, i), depth - 1))) for i, part in enumerate(value)
            )
            yield AllOf(parts) if name == "and" else AnyOf(parts)
        else:
            yield from _conditions(view, name, value, here)


def _conditions(view: View[Any], field: str, data: Any, path: Path) -> Iterator[FieldCondition]:
    if field not in view.filters and field != "id":
        raise ValidationFailed(f"{client_name(view.name)} cannot be filtered by {client_name(field)!r}", path)
    if data is None:
        return
    if not isinstance(data, Mapping):
        raise ValidationFailed(f"conditions on {client_name(field)!r} map operators to values", path)
    kind = kinds(view)[field]
    for name, value in data.items():
        if name not in operators(kind):
            raise ValidationFailed(
                f"{client_name(field)!r} is {kind} and has no operator {name!r}", (*path, name)
            )
        if value is None and name not in COMPARED_WITH_NULL:
            continue
        operator_name = "element" if kind.is_list and name == "contains" else name
        yield FieldCondition(field, operator_name, checked(kind.kind, operator_name, value, (*path, name)))


def fields_of(filter: Filter) -> frozenset[str]:
    """Return the fields that the filter compares."""
    match filter:
        case FieldCondition(field):
            return frozenset((field,))
        case Not(part):
            return fields_of(part)
        case AllOf(parts) | AnyOf(parts):
            return frozenset[str]().union(*map(fields_of, parts))


def size(filter: Filter) -> int:
    """Return how many conditions, and combinations of conditions, the filter has."""
    match filter:
        case FieldCondition():
            return 1
        case Not(part):
            return 1 + size(part)
        case AllOf(parts) | AnyOf(parts):
            return 1 + sum(map(size, parts))


def operands(filter: Filter) -> Iterator[Any]:
    """Yield the values with which the filter compares fields, and those of lists one by one."""
    match filter:
        case FieldCondition(_, _, list() | tuple() as values):
            yield from values
        case FieldCondition(_, _, value):
            yield value
        case Not(part):
            yield from operands(part)
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from operands(part)


def negation(filter: Filter) -> Filter:
    """Return the filter that matches where `filter` does not.

    The negation is moved as far inside as possible, so that MongoDB can use an index.
    """
    match filter:
        case FieldCondition(field, "eq", value):
            return FieldCondition(field, "ne", value)
        case FieldCondition(field, "ne", value):
            return FieldCondition(field, "eq", value)
        case FieldCondition(field, "isNull", value):
            return FieldCondition(field, "isNull", not value)
        case FieldCondition():
            return Not(filter)
        case Not(part):
            return part
        case AllOf(parts):
            return AnyOf(tuple(map(negation, parts)))
        case AnyOf(parts):
            return AllOf(tuple(map(negation, parts)))


def to_mongo(filter: Filter) -> dict[str, Any]:
    """Return the MongoDB filter for the rows that `filter` matches."""
    match filter:
        case FieldCondition(field, name, value):
            return {field: _OPERATORS[name].mongo(value)}
        case Not(FieldCondition() as part):
            return {"$nor": [to_mongo(part)]}
        case Not(part):
            return to_mongo(negation(part))
        case AllOf(parts):
            return {"$and": [to_mongo(part) for part in parts]} if parts else {}
        case AnyOf(parts):
            return {"$or": [to_mongo(part) for part in parts]} if parts else {"_id": {"$in": []}}


def all_of(conditions: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the MongoDB filter for what meets all of these filters.

    MongoDB plans a filter without needless parts faster.
    """
    parts = [condition for condition in conditions if condition]
    if len(parts) > 1:
        return {"$and": parts}
    return parts[0] if parts else {}


def to_predicate(filter: Filter) -> Predicate:
    """Return the predicate for stored rows that `filter` matches; it agrees with `to_mongo` on every row."""
    match filter:
        case FieldCondition(field, name, value):
            test = _OPERATORS[name].test
            if has_decimals(value):
                number = comparable(value)
                return lambda row: test(comparable(row.get(field)), number)
            return lambda row: test(row.get(field), value)
        case Not(part):
            inner = to_predicate(part)
            return lambda row: not inner(row)
        case AllOf(parts):
            predicates = [to_predicate(part) for part in parts]
            return lambda row: all(matches(row) for matches in predicates)
        case AnyOf(parts):
            alternatives = [to_predicate(part) for part in parts]
            return lambda row: any(matches(row) for matches in alternatives)

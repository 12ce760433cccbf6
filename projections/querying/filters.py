"""Typed filters over a view's rows: one tree, as a MongoDB filter and as a predicate that agrees with it.

The plain shape is ``{field: {operator: value}, "and": [...], "or": [...], "not": {...}}``; all that is given
must hold, and None in place of any part is the same as leaving that part out. A field without a value is
null: `eq` and `ne` compare with null, `in` and `isNull` match it, all else never does. Texts compare by code
point and case counts, decimal numbers by their value. On a list, `contains` asks for an element.
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
class Condition:
    """One field compared with one value."""

    field: str
    operator: str
    value: Any


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every one holds; so does none at all."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one holds."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """It does not hold."""

    part: Filter


Filter = Condition | AllOf | AnyOf | Not

EVERYTHING = AllOf(())


@dataclass(frozen=True, slots=True)
class _Operator:
    """One operator in both its forms: as MongoDB writes it, and as Python tests it."""

    mongo: Callable[[Any], Any]
    test: Callable[[Any, Any], bool]


def _ordered(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda found, value: found is not None and test(found, value)


_OPERATORS: Mapping[str, _Operator] = {
    "eq": _Operator(lambda value: {"$eq": value}, operator.eq),
    "ne": _Operator(lambda value: {"$ne": value}, operator.ne),
    "in": _Operator(lambda value: {"$in": value}, lambda found, value: found in value),
    "lt": _Operator(lambda value: {"$lt": value}, _ordered(operator.lt)),
    "lte": _Operator(lambda value: {"$lte": value}, _ordered(operator.le)),
    "gt": _Operator(lambda value: {"$gt": value}, _ordered(operator.gt)),
    "gte": _Operator(lambda value: {"$gte": value}, _ordered(operator.ge)),
    "contains": _Operator(lambda value: {"$regex": re.escape(value)}, _ordered(operator.contains)),
    "startsWith": _Operator(lambda value: {"$regex": "^" + re.escape(value)}, _ordered(str.startswith)),
    "element": _Operator(lambda value: {"$eq": value}, _ordered(operator.contains)),
    "isNull": _Operator(
        lambda value: {"$eq": None} if value else {"$ne": None},
        lambda found, value: (found is None) is value,
    ),
}
COMPARED_WITH_NULL = frozenset({"eq", "ne"})
"""Operators for which null is a value to compare with, and not the absence of the condition."""

_EQUALITY = frozenset({"eq", "ne", "in", "isNull"})
_RANGE = _EQUALITY | {"lt", "lte", "gt", "gte"}
_ALLOWED: Mapping[Kind, frozenset[str]] = {
    Kind.TEXT: _RANGE | {"contains", "startsWith"},
    Kind.BOOLEAN: _EQUALITY,
    Kind.UUID: _EQUALITY,
    Kind.BYTES: _EQUALITY,
}
"""The operators of a kind; every other one has those of ranges."""

_OF_LISTS = frozenset({"contains", "isNull"})


def operators(kind: FieldKind) -> frozenset[str]:
    """The operators that conditions on a field may have."""
    return _OF_LISTS if kind.is_list else _ALLOWED.get(kind.kind, _RANGE)


def parse_filter(view: View[Any], data: Mapping[str, Any] | None, path: Path = ("filter",)) -> Filter:
    """The filter that `data` describes.

    Raises ValidationFailed, with the path below `path`, at a field the view does not filter by, an operator
    the field does not have, a value of another kind, and at more than 200 conditions or 20 levels.
    """
    parsed = EVERYTHING if data is None else AllOf(tuple(_parts(view, data, path, MAX_DEPTH)))
    if _size(parsed) > MAX_CONDITIONS:
        raise ValidationFailed(f"a filter may have {MAX_CONDITIONS} conditions, not more", path)
    return parsed


def _parts(view: View[Any], data: Any, path: Path, depth: int) -> Iterator[Filter]:
    if not isinstance(data, Mapping):
        raise ValidationFailed("a filter maps fields to conditions", path)
    if not depth:
        raise ValidationFailed(f"a filter may be {MAX_DEPTH} levels deep, not more", path)
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


def _conditions(view: View[Any], field: str, data: Any, path: Path) -> Iterator[Condition]:
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
        yield Condition(field, operator_name, checked(kind.kind, operator_name, value, (*path, name)))


def _size(filter: Filter) -> int:
    match filter:
        case Condition():
            return 1
        case Not(part):
            return 1 + _size(part)
        case AllOf(parts) | AnyOf(parts):
            return 1 + sum(map(_size, parts))


def negation(filter: Filter) -> Filter:
    """What holds where `filter` does not, negated as far inside as can be: there MongoDB finds an index."""
    match filter:
        case Condition(field, "eq", value):
            return Condition(field, "ne", value)
        case Condition(field, "ne", value):
            return Condition(field, "eq", value)
        case Condition(field, "isNull", value):
            return Condition(field, "isNull", not value)
        case Condition():
            return Not(filter)
        case Not(part):
            return part
        case AllOf(parts):
            return AnyOf(tuple(map(negation, parts)))
        case AnyOf(parts):
            return AllOf(tuple(map(negation, parts)))


def to_mongo(filter: Filter) -> dict[str, Any]:
    """The MongoDB filter that finds the rows for which `filter` holds."""
    match filter:
        case Condition(field, name, value):
            return {field: _OPERATORS[name].mongo(value)}
        case Not(Condition() as part):
            return {"$nor": [to_mongo(part)]}
        case Not(part):
            return to_mongo(negation(part))
        case AllOf(parts):
            return {"$and": [to_mongo(part) for part in parts]} if parts else {}
        case AnyOf(parts):
            return {"$or": [to_mongo(part) for part in parts]} if parts else {"_id": {"$in": []}}


def to_predicate(filter: Filter) -> Predicate:
    """Whether `filter` holds for a row as it is stored; agrees with `to_mongo` on every row."""
    match filter:
        case Condition(field, name, value):
            test = _OPERATORS[name].test
            if has_decimals(value):
                number = comparable(value)
                return lambda row: test(comparable(row.get(field)), number)
            return lambda row: test(row.get(field), value)
        case Not(part):
            inner = to_predicate(part)
            return lambda row: not inner(row)
        case AllOf(parts):
            every = [to_predicate(part) for part in parts]
            return lambda row: all(holds(row) for holds in every)
        case AnyOf(parts):
            some = [to_predicate(part) for part in parts]
            return lambda row: any(holds(row) for holds in some)

"""Filter and order inputs, derived from the fields that a view declares for them.

A filter reaches the query side as the plain tree that `projections.querying.filters` reads:
``{field: {operator: value}, "and": [...], "or": [...], "not": {...}}``.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import strawberry

from api.graphql.declare import add_field, declare, enumeration, input_field, list_of
from api.graphql.scalars import Int64
from api.graphql.strawberry_internals import Field
from api.graphql.type_map import TypeMap
from projections.kernel.field_kinds import FieldKind, kinds
from projections.kernel.view import View
from projections.querying.filters import operators

_EQUALITY = {
    "eq": "Equals this value; null matches rows without a value.",
    "ne": "Does not equal this value; null matches rows with a value.",
}
_RANGE = {
    "lt": "Is less than this value.",
    "lte": "Is at most this value.",
    "gt": "Is greater than this value.",
    "gte": "Is at least this value.",
}
_TEXT = {
    "contains": "Contains this text; upper and lower case differ.",
    "startsWith": "Starts with this text; upper and lower case differ.",
}
_DESCRIPTIONS = {
    **_EQUALITY,
    **_RANGE,
    **_TEXT,
    "in": "Is one of these values.",
    "isNull": "Whether the field has no value.",
}
"""The operators of `projections.querying.filters`, in the order of the fields of their input."""

_NAMES: dict[Any, str] = {
    bool: "Boolean",
    datetime: "DateTime",
    date: "Date",
    time: "Time",
    timedelta: "Duration",
    Decimal: "Decimal",
    float: "Float",
    int: "Int",
    Int64: "Int64",
    str: "String",
    strawberry.ID: "ID",
    UUID: "UUID",
    bytes: "Bytes",
}

_NO_OPERATORS = frozenset[str]()
_OF_ENUMS = frozenset({*_RANGE, *_TEXT})
_NOT_OFFERED: dict[Any, frozenset[str]] = {strawberry.ID: frozenset(_RANGE)}
"""Operators that the API does not offer for a type, although the query side has them."""


class Direction(Enum):
    """The direction in which a list is sorted."""

    ASC = "asc"
    DESC = "desc"


def filter_input(view: View[Any], types: TypeMap) -> Any:
    """Return ``TaskFilter``: by id, and by the fields that the view declares."""
    of = kinds(view)
    names = dict.fromkeys(("id", *view.filters))
    fields = [input_field(name, _conditions(of[name], name, types) | None) for name in names]
    declared = declare(
        f"{view.type_name}Filter",
        fields,
        "Conditions, of which all that are given must hold.",
        is_input=True,
    )
    add_field(declared, input_field("and_", list_of(declared) | None, "All of these must hold."))
    add_field(declared, input_field("or_", list_of(declared) | None, "At least one of these must hold."))
    add_field(declared, input_field("not_", declared | None, "This must not hold."))
    return declared


def order_input(view: View[Any], types: TypeMap) -> Any:
    """Return ``TaskOrder``, a field and a direction; None for a view without orders."""
    if not view.orders:
        return None
    name = f"{view.type_name}OrderField"
    choice = enumeration(name, {field.upper(): field for field in view.orders})
    direction = types.of(Direction, "direction", name)
    fields = [
        input_field("field", choice),
        input_field("direction", direction, default=Direction.ASC.value),
    ]
    return declare(f"{view.type_name}Order", fields, is_input=True)


def _conditions(kind: FieldKind, field: str, types: TypeMap) -> Any:
    """Return the conditions on a field of one kind, which all such fields share."""
    if kind.is_list:
        value = types.scalar(kind.scalar, field.removesuffix("s"))
        name = f"{_name(value)}ListFilter"
        contains = input_field("contains", value | None, "The list contains this element.")
        return types.claim(name, (list, value), lambda: _declare_conditions(name, [contains]))
    value = types.scalar(kind.scalar, field)
    name = f"{_name(value)}Filter"
    offered = operators(kind) - _NOT_OFFERED.get(value, _NO_OPERATORS if value in _NAMES else _OF_ENUMS)
    fields = [
        input_field(f"{operator}_" if operator == "in" else operator, _operand(operator, value) | None, text)
        for operator, text in _DESCRIPTIONS.items()
        if operator in offered and operator != "isNull"
    ]
    return types.claim(name, value, lambda: _declare_conditions(name, fields))


def _operand(operator: str, value: Any) -> Any:
    return list_of(value) if operator == "in" else value


def _name(value: Any) -> str:
    """Return the name of a scalar or an enum."""
    name: str = _NAMES.get(value) or value.__name__
    return name


def _declare_conditions(name: str, fields: list[Field]) -> Any:
    is_null = input_field("isNull", bool | None, _DESCRIPTIONS["isNull"])
    return declare(
        name, [*fields, is_null], "Conditions, of which all that are given must hold.", is_input=True
    )

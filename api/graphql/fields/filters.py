"""Filter and order inputs, derived from the fields a view declares for them.

A filter reaches the query side as the plain tree that `projections.querying.filters` reads:
``{field: {operator: value}, "and": [...], "or": [...], "not": {...}}``.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

import strawberry
from strawberry.types.field import StrawberryField

from api.graphql.declare import declare, enumeration, input_field, listed, nest
from api.graphql.types import TypeMap
from domain.kernel.errors import DeclarationError
from projections.view import View

_EQUALITY = {
    "eq": "Equal to this; null matches rows without a value.",
    "ne": "Not equal to this; null matches rows with a value.",
}
_RANGE = {
    "lt": "Less than this.",
    "lte": "At most this.",
    "gt": "Greater than this.",
    "gte": "At least this.",
}
_TEXT = {"contains": "Contains this text; case counts.", "startsWith": "Starts with this text; case counts."}
_OPERATORS: dict[Any, dict[str, str]] = {
    bool: _EQUALITY,
    datetime: _EQUALITY | _RANGE,
    float: _EQUALITY | _RANGE,
    int: _EQUALITY | _RANGE,
    str: _EQUALITY | _RANGE | _TEXT,
    strawberry.ID: _EQUALITY | _TEXT,
}
_NAMES: dict[Any, str] = {
    bool: "Boolean",
    datetime: "DateTime",
    float: "Float",
    int: "Int",
    str: "String",
    strawberry.ID: "ID",
}


class Direction(Enum):
    """Which way a list is sorted."""

    ASC = "asc"
    DESC = "desc"


def filter_input(view: View[Any], types: TypeMap) -> Any:
    """``TaskFilter``: by id, and by the fields the view declares."""
    hints = get_type_hints(view.row, include_extras=True)
    place = view.row.__name__
    fields = [
        input_field(name, _conditions(types.of(hints[name], name, place), f"{place}.{name}", types) | None)
        for name in dict.fromkeys(("id", *view.filters))
    ]
    declared = declare(f"{view.type_name}Filter", fields, "All that is given must hold.", is_input=True)
    nest(declared, input_field("and_", listed(declared) | None, "All of these must hold."))
    nest(declared, input_field("or_", listed(declared) | None, "At least one of these must hold."))
    nest(declared, input_field("not_", declared | None, "This must not hold."))
    return declared


def order_input(view: View[Any], types: TypeMap) -> Any:
    """``TaskOrder``, a field and a direction; None for a view that sorts by nothing."""
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


def _conditions(shape: Any, place: str, types: TypeMap) -> Any:
    """The conditions on a field of one type, shared by all such fields."""
    value = next((member for member in get_args(shape) if member is not NoneType), shape)
    if get_origin(shape) is list:
        name = f"{_name(value, place)}ListFilter"
        contains = input_field("contains", value | None, "Has this element.")
        return types.claim(name, (list, value), lambda: _declare_conditions(name, [contains]))
    name = f"{_name(value, place)}Filter"
    operators = _OPERATORS.get(value, _EQUALITY)
    fields = [input_field(operator, value | None, text) for operator, text in operators.items()]
    fields.append(input_field("in_", listed(value) | None, "One of these."))
    return types.claim(name, value, lambda: _declare_conditions(name, fields))


def _name(value: Any, place: str) -> str:
    if isinstance(value, type) and issubclass(value, Enum):
        return value.__name__
    if value not in _NAMES:
        raise DeclarationError(
            f"{place}: only numbers, texts, moments, enums and booleans can be filtered by"
        )
    return _NAMES[value]


def _declare_conditions(name: str, fields: list[StrawberryField]) -> Any:
    is_null = input_field("isNull", bool | None, "Whether it has no value.")
    return declare(name, [*fields, is_null], "All that is given must hold.", is_input=True)

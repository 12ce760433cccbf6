"""Functions that coerce values of variables to input types as graphql-core does.

graphql-core decides for each value anew what its type is, and which of its fields have defaults. These
functions are made once for each input object type.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from graphql import (
    GraphQLInputObjectType,
    GraphQLLeafType,
    GraphQLList,
    GraphQLNonNull,
    Undefined,
    is_required_input_field,
)
from graphql.pyutils import is_iterable
from graphql.utilities.coerce_input_value import coerce_default_value

Coercer = Callable[[Any], Any]
"""Returns a coerced value; Undefined for one that is not of the type."""

_OWN = "nerve.coercer"


def input_coercer(declared: Any) -> Coercer:
    """Return the function that coerces values to an input type."""
    if isinstance(declared, GraphQLNonNull):
        return _non_null(input_coercer(declared.of_type))
    if isinstance(declared, GraphQLList):
        return _list(input_coercer(declared.of_type))
    if isinstance(declared, GraphQLInputObjectType):
        coercer: Coercer | None = declared.extensions.get(_OWN)
        if coercer is None:
            coercer = _ObjectCoercer(declared)
            declared.extensions = {**declared.extensions, _OWN: coercer}
        return coercer
    return _leaf(declared)


def _non_null(coerce: Coercer) -> Coercer:
    return lambda value: Undefined if value is None else coerce(value)


def _list(coerce_item: Coercer) -> Coercer:
    def coerce(value: Any) -> Any:
        if value is None:
            return None
        # A value that is no list counts as a list of one.
        items = []
        for item in value if is_iterable(value) else (value,):
            coerced = coerce_item(item)
            if coerced is Undefined:
                return Undefined
            items.append(coerced)
        return items

    return coerce


def _leaf(declared: GraphQLLeafType) -> Coercer:
    parse = declared.coerce_input_value

    def coerce(value: Any) -> Any:
        if value is None:
            return None
        try:
            return parse(value)
        except Exception:
            return Undefined

    return coerce


class _Field(NamedTuple):
    name: str
    out_name: str
    coerce: Coercer
    is_required: bool
    default: Any


class _ObjectCoercer:
    """Coerces values to an input object type.

    Its fields are read with the first value, because types are recursive.
    """

    def __init__(self, declared: GraphQLInputObjectType) -> None:
        self._declared = declared
        self._fields: list[_Field] | None = None

    def __call__(self, value: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, dict):
            return Undefined
        fields = self._fields
        if fields is None:
            fields = self._fields = self._read_fields()
        coerced: dict[str, Any] = {}
        sent = 0
        for name, out_name, coerce, is_required, default in fields:
            if name in value:
                sent += 1
                member = coerce(value[name])
                if member is Undefined:
                    return Undefined
                coerced[out_name] = member
            elif is_required:
                return Undefined
            elif default is not Undefined:
                coerced[out_name] = default
        if sent != len(value) or (self._declared.is_one_of and not _is_one(coerced, sent)):
            return Undefined
        return self._declared.out_type(coerced)

    def _read_fields(self) -> list[_Field]:
        return [
            _Field(
                name,
                field.out_name or name,
                input_coercer(field.type),
                is_required_input_field(field),
                coerce_default_value(field),
            )
            for name, field in self._declared.fields.items()
        ]


def _is_one(coerced: dict[str, Any], sent: int) -> bool:
    return sent == len(coerced) == 1 and None not in coerced.values()

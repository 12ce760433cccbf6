"""The scalars that the API adds to GraphQL's own; docs/types.md has the types of fields that they stand for.

Each writes the stored form of a value, and reads the value as Python has it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NewType
from uuid import UUID

import strawberry
from graphql import (
    FloatValueNode,
    GraphQLScalarType,
    IntValueNode,
    StringValueNode,
    ValueNode,
    value_from_ast_untyped,
)

from api.decimal_text import write_plain_decimal
from api.encoding import write_stored_moment, write_stored_text
from api.graphql.strawberry_internals import ScalarDefinition, make_scalar
from domain.kernel.rfc3339 import read_moment
from domain.kernel.types.annotations import Kind, Scalar
from domain.kernel.types.text_forms import (
    read_bytes,
    read_date,
    read_decimal,
    read_duration,
    read_integer,
    read_time,
    read_uuid,
    write_bytes,
    write_duration,
)

Int64 = NewType("Int64", int)
JSON = NewType("JSON", object)
Position = NewType("Position", str)

Convert = Callable[[Any], Any]

_SHAPES: Mapping[Kind, Any] = {
    Kind.TEXT: str,
    Kind.BOOLEAN: bool,
    Kind.INTEGER: int,
    Kind.NUMBER: float,
    Kind.DECIMAL: Decimal,
    Kind.DATETIME: datetime,
    Kind.DATE: date,
    Kind.TIME: time,
    Kind.DURATION: timedelta,
    Kind.UUID: UUID,
    Kind.BYTES: bytes,
    Kind.JSON: JSON,
}


def is_int32(value: int) -> bool:
    """Return whether GraphQL's Int has the value.

    A comparison, because `in range(...)` tries each number in turn for a value of any class but `int`.
    """
    return -(2**31) <= value < 2**31


def scalar_shape(scalar: Scalar, field: str) -> Any:
    """Return the GraphQL scalar of a type; text in a field named ``id`` or ``…_id`` is an ID."""
    if scalar.kind is Kind.INTEGER:
        wide = scalar.bits == 64 or not all(map(is_int32, scalar.choices or ()))
        return Int64 if wide else int
    if scalar.kind is Kind.TEXT and scalar.choices is None and (field == "id" or field.endswith("_id")):
        return strawberry.ID
    return _SHAPES[scalar.kind]


def _read_position(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("expected a position from a response of nerve")
    return value


def _same(value: Any) -> Any:
    return value


def _write_integer(stored: Any) -> str:
    if not isinstance(stored, int) or isinstance(stored, bool):
        raise TypeError(f"the stored value is not an integer, but of class {type(stored).__name__}")
    return str(stored)


def _literal_text(read: Convert) -> Callable[[ValueNode], Any]:
    """Return the reader of literals that must be text, which names of enum values are not."""
    return lambda node: read(node.value if isinstance(node, StringValueNode) else None)


def _literal_number(read: Convert) -> Callable[[ValueNode], Any]:
    """Return the reader of literals that are text or a number, by their digits."""
    kinds = (StringValueNode, IntValueNode, FloatValueNode)
    return lambda node: read(node.value if isinstance(node, kinds) else None)


def _scalar(
    name: str,
    description: str,
    write: Convert,
    read: Convert,
    *,
    literal: Callable[[Any], Any] | None = None,
    url: str | None = None,
) -> ScalarDefinition:
    scalar = GraphQLScalarType(
        name,
        coerce_output_value=write,
        coerce_input_value=read,
        coerce_input_literal=literal or _literal_text(read),
        description=description,
        specified_by_url=url,
    )
    return make_scalar(scalar, write, read)


SCALARS: dict[object, ScalarDefinition] = {
    datetime: _scalar(
        "DateTime",
        (
            "A date and time as in RFC 3339, from year 0001 to 9999. It is written in UTC with "
            "milliseconds, and read with any offset. A leap second is read as the last millisecond of "
            "its minute."
        ),
        write_stored_moment,
        read_moment,
        url="https://www.rfc-editor.org/rfc/rfc3339#section-5.6",
    ),
    date: _scalar(
        "Date",
        "A date as in RFC 3339, such as 2026-01-31, from year 0001 to 9999.",
        write_stored_text,
        read_date,
        url="https://www.rfc-editor.org/rfc/rfc3339#section-5.6",
    ),
    time: _scalar(
        "Time",
        "A time of day without a time zone, such as 12:30:00.250; written with microseconds.",
        write_stored_text,
        read_time,
    ),
    timedelta: _scalar(
        "Duration",
        (
            "A duration as in ISO 8601, such as P1DT2H30M or PT0.5S, with microseconds. A day has 24 "
            "hours. Years and months are refused, because their length varies."
        ),
        write_duration,
        read_duration,
    ),
    Decimal: _scalar(
        "Decimal",
        (
            'An exact decimal number with at most 34 digits, written as a string such as "12.50". An '
            "integer, or a number in a document, is read by its digits; a JSON number with a fraction "
            "is refused."
        ),
        write_plain_decimal,
        read_decimal,
        literal=_literal_number(read_decimal),
    ),
    Int64: _scalar(
        "Int64",
        (
            "An integer of 64 bits, written as a string of digits, because many clients cannot "
            "represent it as a number. It is read from a string or an integer."
        ),
        _write_integer,
        read_integer,
        literal=_literal_number(read_integer),
    ),
    UUID: _scalar(
        "UUID",
        "A UUID as in RFC 9562; written in lower case.",
        write_stored_text,
        read_uuid,
        url="https://www.rfc-editor.org/rfc/rfc9562#section-4",
    ),
    bytes: _scalar(
        "Bytes",
        "Bytes as base64 with padding (RFC 4648, section 4).",
        write_bytes,
        read_bytes,
        url="https://www.rfc-editor.org/rfc/rfc4648#section-4",
    ),
    JSON: _scalar(
        "JSON",
        (
            "Any JSON value. In a literal, the key of an object is omitted if its variable is "
            "missing; in a list, a missing variable is null."
        ),
        _same,
        _same,
        # graphql-core has replaced variables by their values at this point.
        literal=value_from_ast_untyped,
    ),
    Position: _scalar(
        "Position",
        (
            "A position in the log. It is opaque: clients keep it and send it back, and cannot "
            "compare two of them."
        ),
        write_stored_text,
        _read_position,
    ),
}

"""The scalars of the API beside GraphQL's own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NewType

from graphql import GraphQLScalarType, StringValueNode, ValueNode, value_from_ast_untyped
from strawberry.types.scalar import ScalarDefinition

from domain.kernel.rfc3339 import read_moment, write_moment

JSON = NewType("JSON", object)
Position = NewType("Position", str)

Read = Callable[[Any], Any]


def _read_position(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("expected a position that nerve gave out")
    return value


def _same(value: Any) -> Any:
    return value


def _literal_text(read: Read) -> Callable[[ValueNode], Any]:
    """Read a literal that must be a text; the name of an enum value is none, unlike in graphql-core."""
    return lambda node: read(node.value if isinstance(node, StringValueNode) else None)


def _scalar(
    name: str,
    description: str,
    write: Callable[[Any], Any],
    read: Read,
    read_literal: Callable[[Any], Any],
    url: str | None = None,
) -> ScalarDefinition:
    implementation = GraphQLScalarType(
        name,
        coerce_output_value=write,
        coerce_input_value=read,
        coerce_input_literal=read_literal,
        description=description,
        specified_by_url=url,
    )
    return ScalarDefinition(name, description, url, write, read, None, implementation=implementation)


SCALARS: dict[object, ScalarDefinition] = {
    datetime: _scalar(
        "DateTime",
        "A moment as in RFC 3339, from year 0001 to 9999; written in UTC with milliseconds. Read with any "
        "offset; a leap second is read as the last millisecond of its minute.",
        write_moment,
        read_moment,
        _literal_text(read_moment),
        "https://www.rfc-editor.org/rfc/rfc3339#section-5.6",
    ),
    JSON: _scalar(
        "JSON",
        "Any JSON value. In a literal, a key whose variable is not given is left out, and is null in a list.",
        _same,
        _same,
        # graphql-core has put the values of variables in their places by then.
        value_from_ast_untyped,
    ),
    Position: _scalar(
        "Position",
        "A place in the log, sealed: only nerve can tell which of two is the later one.",
        _same,
        _read_position,
        _literal_text(_read_position),
    ),
}

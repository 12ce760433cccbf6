"""A valid document for each root field of a schema, which selects what the field can show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    Undefined,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
    is_list_type,
)

_VALUES = {
    "String": '"x"', "Int": "1", "Float": "1", "Boolean": "true", "JSON": "{}", "Int64": '"1"',
    "DateTime": '"2030-01-01T00:00:00Z"', "Date": '"2030-01-01"', "Duration": '"PT1H"', "Decimal": '"1"',
}  # fmt: skip

LIVE = "live"
"""A field with all of `Query` below it, which would cost too much."""


@dataclass(frozen=True)
class FieldDocument:
    """A document that asks for one field of a root."""

    root: str
    field: str
    text: str

    def __str__(self) -> str:
        return f"{self.root}.{self.field}"


def field_documents(schema: GraphQLSchema, ids: Mapping[str, str], depth: int) -> Sequence[FieldDocument]:
    """Return a document for each root field.

    `ids` are the ids of entities by category: an argument `id` has that of the category in the field's name.
    `depth` is the number of levels of objects that a document selects below its root field.
    """
    assert schema.query_type is not None
    writer = _Writer(ids, depth, schema.query_type)
    roots = (schema.query_type, schema.mutation_type, schema.subscription_type)
    return [
        FieldDocument(root.name, name, f"{root.name.lower()} {{ {writer.call(name, field)} }}")
        for root in roots
        if root is not None
        for name, field in root.fields.items()
    ]


class _Writer:
    def __init__(self, ids: Mapping[str, str], depth: int, queries: GraphQLObjectType) -> None:
        self._ids = ids
        self._depth = depth
        self._queries = queries
        self._id = ""

    def call(self, name: str, field: GraphQLField) -> str:
        """Return the field with what it needs, and all that it shows."""
        if name == LIVE:
            listed = next(item for item in self._queries.fields.items() if _is_list_of_rows(item[1]))
            return f"live {{ position query {{ {self.call(*listed)} }} }}"
        lower = name.lower()
        self._id = next((own for category, own in self._ids.items() if category in lower), "none-1")
        return (
            f"{name}{self._arguments(field.args)}{self._selection(get_named_type(field.type), self._depth)}"
        )

    def _arguments(self, arguments: Mapping[str, GraphQLArgument]) -> str:
        written = list(self._given(arguments))
        return f"({', '.join(written)})" if written else ""

    def _given(self, fields: Mapping[str, GraphQLArgument | GraphQLInputField]) -> Iterator[str]:
        for name, field in fields.items():
            if isinstance(field.type, GraphQLNonNull) and not _has_default(field):
                yield f"{name}: {self._value(name, field.type)}"

    def _value(self, name: str, declared: Any) -> str:
        inner = get_nullable_type(declared)
        if is_list_type(inner):
            return f"[{self._value(name, inner.of_type)}]"
        match inner:
            case GraphQLEnumType():
                return str(next(iter(inner.values)))
            case GraphQLInputObjectType(is_one_of=True):
                first, field = next(iter(inner.fields.items()))
                return f"{{{first}: {self._value(first, get_nullable_type(field.type))}}}"
            case GraphQLInputObjectType():
                return f"{{{', '.join(self._given(inner.fields))}}}"
        return f'"{self._id}"' if inner.name == "ID" else str(_VALUES.get(inner.name, '"x"'))

    def _selection(self, declared: Any, depth: int) -> str:
        if is_leaf_type(declared):
            return ""
        parts = ["__typename"]
        if isinstance(declared, GraphQLUnionType):
            parts += [f"... on {member.name}{self._selection(member, depth)}" for member in declared.types]
        elif isinstance(declared, GraphQLObjectType | GraphQLInterfaceType):
            parts += self._fields(declared, depth)
        return f" {{ {' '.join(parts)} }}"

    def _fields(self, declared: GraphQLObjectType | GraphQLInterfaceType, depth: int) -> Iterator[str]:
        """Yield the leaves and, above the depth, what is below objects. Unions' equal names get an alias."""
        for name, field in declared.fields.items():
            named = get_named_type(field.type)
            is_free = not any(isinstance(arg.type, GraphQLNonNull) for arg in field.args.values())
            if is_free and (is_leaf_type(named) or depth > 1) and not _is_link(named, declared):
                yield f"{declared.name}_{name}: {name}{self._selection(named, depth - 1)}"


def _is_list_of_rows(field: GraphQLField) -> bool:
    nodes = getattr(get_named_type(field.type), "fields", {}).get("nodes")
    return nodes is not None and "_meta" in get_named_type(nodes.type).fields


def _is_link(named: Any, declared: Any) -> bool:
    """Return whether a field leads from a row to other rows, which have root fields of their own."""
    if "_meta" not in declared.fields:
        return False
    return named.name.endswith("Connection") or "_meta" in getattr(named, "fields", ())


def _has_default(field: GraphQLArgument | GraphQLInputField) -> bool:
    return field.default_value is not Undefined


def is_unknown(document: FieldDocument, text: str) -> bool:
    """Return whether a response says that there is no such field, or none of its root."""
    field = f"Cannot query field '{document.field}' on type '{document.root}'."
    root = f"The {document.root.lower()} operation is not supported by the schema."
    return field in text or root in text


def error_codes(text: str) -> set[str]:
    """Return the codes of the errors in a response, whatever its format."""
    codes: set[str] = set()
    for part in text.split('"code":"')[1:]:
        codes.add(part[: part.index('"')])
    return codes

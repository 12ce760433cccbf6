"""Hints for wrong names in a request: what the schema allows, and how a view declares what it lacks."""

from __future__ import annotations

import re
from collections.abc import Iterable

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
)

MAX_NAMES = 50
"""Names that a hint lists at most."""

_WRONG_ENUM_VALUE = re.compile(r"Value '(?P<name>\w+)' does not exist in '(?P<type>\w+)' enum")
_NO_ENUM_VALUE = re.compile(r"Enum '(?P<type>\w+)' cannot represent")
_NOT_ONE_FIELD = re.compile(r"Within OneOf Input Object type '(?P<type>\w+)'")
_UNKNOWN_FIELD = re.compile(r"value of type '(?P<type>\w+)' not to include unknown field '(?P<name>\w+)'")
_UNKNOWN_ARGUMENT = re.compile(r"Unknown argument '(?P<name>search|orderBy)' on field '(?P<field>[\w.]+)'")
"""Messages of graphql-core."""

_PARAMETERS = {"search": "search", "orderBy": "orders"}
"""The parameters of a view by the arguments that clients have if it declares them."""


def hints(message: str, schema: GraphQLSchema) -> list[str]:
    """Return sentences that complete an error message of graphql-core."""
    if (match := _UNKNOWN_ARGUMENT.search(message)) is not None:
        return _argument_hint(match["name"], match["field"], schema)
    patterns = (_WRONG_ENUM_VALUE, _NO_ENUM_VALUE, _NOT_ONE_FIELD, _UNKNOWN_FIELD)
    match = next((match for pattern in patterns if (match := pattern.search(message))), None)
    if match is None:
        return []
    declared, name = schema.type_map.get(match["type"]), match.groupdict().get("name")
    if isinstance(declared, GraphQLEnumType):
        names = f"The values of {declared.name} are {_listed(declared.values)}."
        return [names, *_declaration_hint(declared.name, "OrderField", name, schema)]
    if isinstance(declared, GraphQLInputObjectType):
        names = f"The fields of {declared.name} are {_listed(declared.fields)}."
        return [names, *_declaration_hint(declared.name, "Filter", name, schema)]
    return []


def _listed(names: Iterable[str]) -> str:
    *names, last = names
    if len(names) >= MAX_NAMES:
        return f"{', '.join(names[:MAX_NAMES])} and {len(names) + 1 - MAX_NAMES} more"
    return f"{', '.join(names)} and {last}" if names else last


def _declaration_hint(type_name: str, suffix: str, name: str | None, schema: GraphQLSchema) -> list[str]:
    """Return how a view declares a filter or an order by a field that its rows have."""
    row_name = type_name.removesuffix(suffix)
    row = schema.type_map.get(row_name)
    if name is None or row_name == type_name or not isinstance(row, GraphQLObjectType):
        return []
    field = next((field for field in row.fields if _is_same(field, name)), None)
    if field is None or not _is_value(row.fields[field]) or not _is_view_filter(f"{row_name}Filter", schema):
        return []
    verb, parameter = ("filtered", "filters") if suffix == "Filter" else ("sorted", "orders")
    return [f"Rows can be {verb} by {field} if the view lists that field in `{parameter}`."]


def _argument_hint(argument: str, field: str, schema: GraphQLSchema) -> list[str]:
    """Return how a view declares that its list has the argument."""
    owner, _, name = field.partition(".")
    declared = schema.type_map.get(owner)
    if not isinstance(declared, GraphQLObjectType) or name not in declared.fields:
        return []
    conditions = declared.fields[name].args.get("filter")
    if conditions is None or not _is_view_filter(get_named_type(conditions.type).name, schema):
        return []
    return [f"A list has this argument if its view lists fields in `{_PARAMETERS[argument]}`."]


def _is_view_filter(name: str, schema: GraphQLSchema) -> bool:
    """Return whether this is the filter of a view: only these combine conditions."""
    declared = schema.type_map.get(name)
    return isinstance(declared, GraphQLInputObjectType) and {"and", "or", "not"} <= declared.fields.keys()


def _is_same(field: str, name: str) -> bool:
    """Return whether a filter or an order by this name is meant for the field: DUE_AT for dueAt."""
    return field.lower() == name.replace("_", "").lower()


def _is_value(field: GraphQLField) -> bool:
    named = get_named_type(field.type)
    return is_leaf_type(named) and named.name != "JSON"

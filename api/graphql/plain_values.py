"""Lets graphql-core work on plain values.

Values stay plain mappings from MongoDB to the response. strawberry wraps fields, inputs and enums for the
sake of class instances; this module removes these wrappers from the schema once it is built.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    Undefined,
)

from api.graphql.declare import NULL_IS_ABSENT, RESOLVER, WEIGHT, Resolver
from api.graphql.item_lookups import ItemLookUp
from api.graphql.strawberry_internals import definition_of


def use_plain_values(schema: GraphQLSchema, typenames: Mapping[str, Callable[[Any], str]]) -> None:
    """Remove strawberry's wrappers from a schema.

    A field is its own resolver or an item look-up, input arrives as dicts under Python names, and an enum is
    its stored value. An abstract value has the name of its type under ``__typename``, except for unions with
    an entry in `typenames`, which finds the name.
    """
    for declared in schema.type_map.values():
        match declared:
            case GraphQLObjectType():
                declared.is_type_of = None
                for field in declared.fields.values():
                    _use_own_resolver(field)
            case GraphQLInterfaceType() | GraphQLUnionType():
                declared.resolve_type = _type_resolver(typenames.get(declared.name, _typename))
            case GraphQLInputObjectType():
                _use_plain_input(declared)
            case GraphQLEnumType() if definition_of(declared) is not None:
                _use_stored_values(declared)
            case _:
                pass


def _use_plain_input(declared: GraphQLInputObjectType) -> None:
    """Let the input arrive as a dict under Python names, without nulls that mean the same as absence."""
    defaults = _name_arguments(declared.fields)
    declared.is_one_of = definition_of(declared).is_one_of
    declared.out_type = partial(_without_nulls, defaults) if defaults else _unchanged  # type: ignore[assignment, method-assign]


def _name_arguments(taken: Mapping[str, GraphQLArgument | GraphQLInputField]) -> dict[str, object]:
    """Give arguments or input fields their Python names; return the defaults of those that may be null."""
    defaults: dict[str, object] = {}
    for name, argument in taken.items():
        definition = definition_of(argument)
        argument.out_name = name if definition is None else definition.python_name.rstrip("_")
        if definition is not None and definition.metadata.get(NULL_IS_ABSENT):
            defaults[argument.out_name] = argument.default_value
    return defaults


def _unchanged(values: dict[str, Any]) -> dict[str, Any]:
    return values


def _without_nulls(defaults: Mapping[str, object], values: dict[str, Any]) -> dict[str, Any]:
    for name, default in defaults.items():
        if name in values and values[name] is None:
            del values[name]
            if default is not Undefined:
                values[name] = default
    return values


def _use_own_resolver(field: GraphQLField) -> None:
    definition = definition_of(field)
    if definition is None or definition.base_resolver is not None:
        return
    defaults = _name_arguments(field.args)
    resolver, weight = definition.metadata[RESOLVER], definition.metadata[WEIGHT]
    if weight is not None:
        field.extensions = {**field.extensions, WEIGHT: weight}
    if defaults:
        resolver = _with_defaults(resolver, defaults)
    if definition.is_subscription:
        field.subscribe = resolver
    else:
        field.resolve = resolver or ItemLookUp(definition.python_name)


def _with_defaults(resolver: Resolver, defaults: Mapping[str, object]) -> Resolver:
    """Pass the resolver the default of an argument in place of null."""

    def resolve(source: Any, info: Any, **arguments: Any) -> Any:
        return resolver(source, info, **_without_nulls(defaults, arguments))

    return resolve


def _use_stored_values(enum: GraphQLEnumType) -> None:
    enum.coerce_output_value = types.MethodType(GraphQLEnumType.coerce_output_value, enum)  # type: ignore[method-assign]
    enum.coerce_input_value = types.MethodType(GraphQLEnumType.coerce_input_value, enum)  # type: ignore[method-assign]
    enum.coerce_input_literal = types.MethodType(GraphQLEnumType.coerce_input_literal, enum)  # type: ignore[method-assign]


def _type_resolver(typename: Callable[[Any], str]) -> Callable[[Any, object, object], str]:
    return lambda value, _info, _abstract: typename(value)


def _typename(value: Mapping[str, Any]) -> str:
    name: str = value["__typename"]
    return name

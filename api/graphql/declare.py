"""Strawberry declarations made at run time: the few calls that the derivation is built from.

Values stay plain mappings from MongoDB to the response, so what strawberry wraps around a field for the
sake of class instances is taken off again by `use_plain_values`.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import partial
from types import NoneType
from typing import Annotated, Any, Union, get_args, get_origin

import strawberry
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    Undefined,
)
from strawberry import schema_directives
from strawberry.annotation import StrawberryAnnotation
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.field import StrawberryField

Resolver = Callable[..., Any]
"""As graphql-core calls it: ``(source, info, **arguments)``, arguments under their Python names."""

_RESOLVER = "resolver"
_NULL_IS_ABSENT = "null is absent"


def argument(
    name: str, annotation: Any, description: str, *, default: object = strawberry.UNSET
) -> StrawberryArgument:
    """An argument of a field; a trailing underscore keeps its name off Python's keywords.

    One with a default may be null too, which is then the same as leaving it out.
    """
    optional = default is not strawberry.UNSET and not _is_optional(annotation)
    return StrawberryArgument(
        name,
        _graphql_name(name),
        StrawberryAnnotation(annotation | None if optional else annotation),
        description=description,
        default=default,
        metadata={_NULL_IS_ABSENT: optional},
    )


def output_field(
    name: str,
    annotation: Any,
    description: str | None = None,
    *,
    resolver: Resolver | None = None,
    arguments: Sequence[StrawberryArgument] = (),
    subscription: bool = False,
) -> StrawberryField:
    """A field of an output type; without a resolver it is an item look-up in its source."""
    field = StrawberryField(
        python_name=name,
        graphql_name=_graphql_name(name),
        type_annotation=StrawberryAnnotation(annotation),
        description=description,
        is_subscription=subscription,
        metadata={_RESOLVER: resolver},
    )
    field.arguments = list(arguments)
    return field


def input_field(
    name: str,
    annotation: Any,
    description: str | None = None,
    *,
    required: bool = True,
    default: object = strawberry.UNSET,
) -> StrawberryField:
    """A field of an input type; a default is given as it is stored.

    One that has a default, or is not `required`, may be null too. Unless its own type has null as a value,
    that is the same as leaving it out.
    """
    may_be_absent = default is not strawberry.UNSET or not required
    optional = may_be_absent and not _is_optional(annotation)
    field = StrawberryField(
        python_name=name,
        graphql_name=_graphql_name(name),
        type_annotation=StrawberryAnnotation(annotation | None if optional else annotation),
        description=description,
        default=strawberry.UNSET,
        metadata={_NULL_IS_ABSENT: optional},
    )
    field.default_value = default
    return field


def _is_optional(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, types.UnionType) and NoneType in get_args(annotation)


def _graphql_name(name: str) -> str | None:
    """The name to give in place of the one that strawberry would derive; None for that one."""
    return name if name.startswith("_") else name.rstrip("_") if name.endswith("_") else None


def declare(
    name: str,
    fields: Sequence[StrawberryField],
    description: str | None = None,
    *,
    interfaces: tuple[type, ...] = (),
    is_input: bool = False,
    is_interface: bool = False,
    is_one_of: bool = False,
) -> Any:
    """A GraphQL type of these fields: an object type unless said otherwise."""
    body: dict[str, Any] = {field.python_name: field for field in fields}
    body["__annotations__"] = {field.python_name: field.type_annotation for field in fields}
    directives = [schema_directives.OneOf()] if is_one_of else []
    made: Any = types.new_class(name, interfaces, {}, lambda namespace: namespace.update(body))
    return strawberry.type(
        made,
        name=name,
        description=description,
        is_input=is_input,
        is_interface=is_interface,
        directives=directives,
    )


def enumeration(name: str, values: Mapping[str, Any], description: str | None = None) -> Any:
    """A GraphQL enum with these names and stored values."""
    make: Any = Enum
    return strawberry.enum(make(name, values), description=description)


def list_of(shape: Any) -> Any:
    """A list of the type `shape`."""
    return types.GenericAlias(list, (shape,))


def add_field(declared: Any, field: StrawberryField) -> None:
    """Add a field to a declared type, such as one whose type leads back to the declared type."""
    declared.__strawberry_definition__.fields.append(field)


def use_plain_values(schema: GraphQLSchema, typenames: Mapping[str, Callable[[Any], str]]) -> None:
    """Let graphql-core work on plain values.

    A field is its own resolver or an item look-up, input arrives as dicts under Python names, and an enum is
    its stored value. An abstract value has the name of its type under ``__typename``, except for unions with
    an entry in `typenames`, which finds the name.
    """
    for declared in schema.type_map.values():
        match declared:
            case GraphQLObjectType():
                declared.is_type_of = None
                for field in declared.fields.values():
                    _resolve_directly(field)
            case GraphQLInterfaceType() | GraphQLUnionType():
                declared.resolve_type = _resolve_type(typenames.get(declared.name, _typename))
            case GraphQLInputObjectType():
                _read_plainly(declared)
            case GraphQLEnumType() if _definition(declared) is not None:
                _store_plainly(declared)
            case _:
                pass


def _read_plainly(declared: GraphQLInputObjectType) -> None:
    """Let the input arrive as a dict under Python names, without what is null in place of being absent."""
    absent: dict[str, object] = {}
    for name, taken in declared.fields.items():
        taken.out_name = _python_name(taken, name)
        if _null_is_absent(taken):
            absent[taken.out_name] = taken.default_value
    declared.is_one_of = _definition(declared).is_one_of
    declared.out_type = partial(_without_nulls, absent) if absent else _unchanged  # type: ignore[assignment, method-assign]


def _unchanged(values: dict[str, Any]) -> dict[str, Any]:
    return values


def _without_nulls(defaults: Mapping[str, object], values: dict[str, Any]) -> dict[str, Any]:
    for name, default in defaults.items():
        if name in values and values[name] is None:
            del values[name]
            if default is not Undefined:
                values[name] = default
    return values


def _null_is_absent(declared: Any) -> bool:
    definition = _definition(declared)
    return definition is not None and bool(definition.metadata.get(_NULL_IS_ABSENT))


def _resolve_directly(field: GraphQLField) -> None:
    definition = _definition(field)
    if definition is None or definition.base_resolver is not None:
        return
    absent: dict[str, object] = {}
    for name, taken in field.args.items():
        taken.out_name = _python_name(taken, name)
        if _null_is_absent(taken):
            absent[taken.out_name] = taken.default_value
    resolver = definition.metadata[_RESOLVER]
    if absent:
        resolver = _with_defaults(resolver, absent)
    if definition.is_subscription:
        field.subscribe = resolver
    else:
        field.resolve = resolver or ItemLookUp(definition.python_name)


def _with_defaults(resolver: Resolver, defaults: Mapping[str, object]) -> Resolver:
    """Give the resolver the default of an argument in place of null."""

    def resolve(source: Any, info: Any, **arguments: Any) -> Any:
        return resolver(source, info, **_without_nulls(defaults, arguments))

    return resolve


class ItemLookUp:
    """The resolver of a field that is an item of its source."""

    __slots__ = ("key",)

    def __init__(self, key: str) -> None:
        self.key = key

    def __call__(self, source: Mapping[str, Any], _info: object) -> Any:
        return source.get(self.key)

    def writer(self, write: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """What writes the field from the item itself, where `write` writes the field's value."""
        return write


class JsonLookUp(ItemLookUp):
    """The resolver of a field of the type JSON whose item is stored in another form."""

    __slots__ = ("_to_json",)

    def __init__(self, key: str, to_json: Callable[[Any], Any]) -> None:
        super().__init__(key)
        self._to_json = to_json

    def __call__(self, source: Mapping[str, Any], _info: object) -> Any:
        value = source.get(self.key)
        return None if value is None else self._to_json(value)

    def writer(self, write: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda value: write(None if value is None else self._to_json(value))


def union(name: str, members: Sequence[Any], description: str) -> Any:
    """A GraphQL union of declared types."""
    return Annotated[Union[(*members,)], strawberry.union(name, description=description)]


def _store_plainly(enum: GraphQLEnumType) -> None:
    enum.coerce_output_value = types.MethodType(GraphQLEnumType.coerce_output_value, enum)  # type: ignore[method-assign]
    enum.coerce_input_value = types.MethodType(GraphQLEnumType.coerce_input_value, enum)  # type: ignore[method-assign]
    enum.coerce_input_literal = types.MethodType(GraphQLEnumType.coerce_input_literal, enum)  # type: ignore[method-assign]


def _resolve_type(typename: Callable[[Any], str]) -> Callable[[Any, object, object], str]:
    return lambda value, _info, _abstract: typename(value)


def _typename(value: Mapping[str, Any]) -> str:
    name: str = value["__typename"]
    return name


def _definition(declared: Any) -> Any:
    return declared.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)


def _python_name(declared: Any, name: str) -> str:
    definition = _definition(declared)
    return name if definition is None else definition.python_name.rstrip("_")

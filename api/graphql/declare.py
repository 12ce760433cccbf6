"""Declarations of GraphQL types at run time: the few calls from which the schema is derived."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from types import NoneType
from typing import Annotated, Any, Union, get_args, get_origin

import strawberry
from strawberry import schema_directives

from api.graphql.item_lookups import DirectResolver
from api.graphql.strawberry_internals import Argument, Field, append_field, make_argument, make_field
from api.limits.weights import Weight

Resolver = Callable[..., Any]
"""Called by graphql-core as ``(source, info, **arguments)``, with arguments under their Python names."""

RESOLVER = "resolver"
WEIGHT = "weight"
NULL_IS_ABSENT = "null is absent"
"""Entries of the metadata of fields and arguments, which `api.graphql.plain_values` reads."""


def argument(name: str, annotation: Any, description: str, *, default: object = strawberry.UNSET) -> Argument:
    """Return an argument of a field; a trailing underscore keeps its name off Python's keywords.

    An argument with a default may be null, which means the same as leaving it out.
    """
    optional = default is not strawberry.UNSET and not _is_optional(annotation)
    shape = annotation | None if optional else annotation
    return make_argument(name, _graphql_name(name), shape, description, default, {NULL_IS_ABSENT: optional})


def output_field(
    name: str,
    annotation: Any,
    description: str | None = None,
    *,
    resolver: Resolver | None = None,
    read: Callable[[Any, Any], Any] | None = None,
    arguments: Sequence[Argument] = (),
    subscription: bool = False,
    weight: Weight | None = None,
) -> Field:
    """Return a field of an output type; without a resolver it looks up the item `name` of its source.

    A field whose value is there at once has `read` instead of a resolver; see `DirectResolver`.
    """
    return make_field(
        name,
        _graphql_name(name),
        annotation,
        description,
        {RESOLVER: resolver if read is None else DirectResolver(read), WEIGHT: weight},
        arguments=arguments,
        is_subscription=subscription,
    )


def output_fields(shapes: Mapping[str, tuple[Any, str]]) -> list[Field]:
    """Return output fields that look up their items; each has its annotation and its description."""
    return [output_field(name, annotation, description) for name, (annotation, description) in shapes.items()]


def input_field(
    name: str,
    annotation: Any,
    description: str | None = None,
    *,
    required: bool = True,
    default: object = strawberry.UNSET,
) -> Field:
    """Return a field of an input type; a default is given in its stored form.

    A field that has a default, or is not `required`, may be null. Unless its own type has null as a value,
    that means the same as leaving it out.
    """
    may_be_absent = default is not strawberry.UNSET or not required
    optional = may_be_absent and not _is_optional(annotation)
    shape = annotation | None if optional else annotation
    return make_field(
        name, _graphql_name(name), shape, description, {NULL_IS_ABSENT: optional}, default=default
    )


def _is_optional(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, types.UnionType) and NoneType in get_args(annotation)


def _graphql_name(name: str) -> str | None:
    """Return the name that replaces the one that strawberry derives; None to keep that one."""
    return name if name.startswith("_") else name.rstrip("_") if name.endswith("_") else None


def declare(
    name: str,
    fields: Sequence[Field],
    description: str | None = None,
    *,
    interfaces: tuple[type, ...] = (),
    is_input: bool = False,
    is_interface: bool = False,
    is_one_of: bool = False,
) -> Any:
    """Return a GraphQL type of these fields, by default an object type."""
    body: dict[str, Any] = {field.python_name: field for field in fields}
    body["__annotations__"] = {field.python_name: field.type_annotation for field in fields}
    directives = [schema_directives.OneOf()] if is_one_of else []
    declared: Any = types.new_class(name, interfaces, {}, lambda namespace: namespace.update(body))
    # strawberry takes classes of one qualified name for one type; two of one name must be refused instead.
    declared.__qualname__ = f"{name}@{id(declared):x}"
    return strawberry.type(
        declared,
        name=name,
        description=description,
        is_input=is_input,
        is_interface=is_interface,
        directives=directives,
    )


def enumeration(name: str, values: Mapping[str, Any], description: str | None = None) -> Any:
    """Return a GraphQL enum with these names and stored values."""
    make: Any = Enum
    return strawberry.enum(make(name, values), description=description)


def list_of(shape: Any) -> Any:
    """Return the type of a list of `shape`."""
    return types.GenericAlias(list, (shape,))


def union(name: str, members: Sequence[Any], description: str | None = None) -> Any:
    """Return a GraphQL union of declared types."""
    return Annotated[Union[(*members,)], strawberry.union(name, description=description)]


def add_field(declared: Any, field: Field) -> None:
    """Add a field to a declared type, such as one whose type leads back to the declared type."""
    append_field(declared, field)

"""strawberry's parts that are not in its documentation, behind functions.

No other module knows them. tests/unit/test_dependencies.py lists them, and fails where a release changes one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import strawberry
from graphql import GraphQLScalarType, GraphQLSchema
from strawberry.annotation import StrawberryAnnotation
from strawberry.exceptions import DuplicatedTypeName
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.arguments import StrawberryArgument as Argument
from strawberry.types.field import StrawberryField as Field
from strawberry.types.scalar import ScalarDefinition

from api.graphql.name_clashes import derived_type_clash

__all__ = [
    "Argument",
    "Field",
    "ScalarDefinition",
    "append_field",
    "build_core_schema",
    "definition_of",
    "field_names",
    "make_argument",
    "make_field",
    "make_scalar",
]


class _DeclaredField(Field):
    """A field whose annotation has no names in it that are defined later.

    strawberry asks for the type of each field ten times, and resolves the annotation again each time. That
    takes a fifth of the time to build a schema.
    """

    _resolution: tuple[StrawberryAnnotation | None, Any] = (None, None)

    def resolve_type(self, *, type_definition: Any = None) -> Any:
        annotation, resolved = self._resolution
        if annotation is None or annotation is not self.type_annotation:
            resolved = super().resolve_type(type_definition=type_definition)
            self._resolution = (self.type_annotation, resolved)
        return resolved


def make_argument(
    name: str,
    graphql_name: str | None,
    annotation: Any,
    description: str,
    default: object,
    metadata: Mapping[str, Any],
) -> Argument:
    """Return an argument that belongs to no Python function."""
    return Argument(
        name,
        graphql_name,
        StrawberryAnnotation(annotation),
        description=description,
        default=default,
        metadata=metadata,
    )


def make_field(
    name: str,
    graphql_name: str | None,
    annotation: Any,
    description: str | None,
    metadata: Mapping[str, Any],
    *,
    arguments: Sequence[Argument] = (),
    default: object = strawberry.UNSET,
    is_subscription: bool = False,
) -> Field:
    """Return a field that belongs to no Python class. `default` is the value that the schema shows."""
    field = _DeclaredField(
        python_name=name,
        graphql_name=graphql_name,
        type_annotation=StrawberryAnnotation(annotation),
        description=description,
        default=strawberry.UNSET,
        is_subscription=is_subscription,
        metadata=metadata,
    )
    field.arguments = list(arguments)
    field.default_value = default
    return field


def append_field(declared: Any, field: Field) -> None:
    """Add a field to a type that strawberry has made already."""
    declared.__strawberry_definition__.fields.append(field)


def field_names(declared: Any) -> list[str]:
    """Return the Python names of the fields of a type."""
    return [field.python_name for field in declared.__strawberry_definition__.fields]


def make_scalar(
    scalar: GraphQLScalarType, write: Callable[[Any], Any], read: Callable[[Any], Any]
) -> ScalarDefinition:
    """Return the definition by which strawberry uses a scalar of graphql-core."""
    return ScalarDefinition(
        scalar.name,
        scalar.description,
        scalar.specified_by_url,
        write,
        read,
        None,
        implementation=scalar,
    )


def build_core_schema(
    roots: Mapping[str, Any], types: Sequence[Any], scalars: dict[object, ScalarDefinition]
) -> GraphQLSchema:
    """Return graphql-core's schema of the root types ``Query``, ``Mutation`` and ``Subscription``.

    Raises DeclarationError if two types have one name.
    """
    try:
        schema: GraphQLSchema = strawberry.Schema(
            query=roots["Query"],
            mutation=roots.get("Mutation"),
            subscription=roots.get("Subscription"),
            types=types,
            config=StrawberryConfig(scalar_map=scalars),
        )._schema
    except DuplicatedTypeName as error:
        _, name, *_ = str(error).split()  # "Type X is defined multiple times in the schema"
        raise derived_type_clash(name) from None
    return schema


def definition_of(core: Any) -> Any:
    """Return strawberry's definition of a type, field or argument of graphql-core; None if there is none."""
    return core.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)

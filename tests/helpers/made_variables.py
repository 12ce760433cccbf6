"""Variables for an operation, made for the types that it declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    OperationDefinitionNode,
    type_from_ast,
)

_SCALARS: Mapping[str, Any] = {
    "Int": 1,
    "Float": 1.0,
    "Boolean": True,
    "JSON": {},
    "DateTime": "2000-01-01T00:00:00Z",
}


def made_variables(
    document: DocumentNode, schema: GraphQLSchema, text: str, position: str, *, optional: bool
) -> dict[str, Any]:
    """Return the variables of a document with one operation; with `optional`, also those that may be missing.

    Texts and ids are `text`, positions `position`, numbers 1, and enums their first value. Variables of types
    that the schema lacks are left out.
    """
    maker = _Maker(text, position, optional)
    operation = document.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    types = {
        definition.variable.name.value: type_from_ast(schema, definition.type)
        for definition in operation.variable_definitions or ()
    }
    return {name: maker.value(kind) for name, kind in types.items() if maker.is_made(kind)}


class _Maker:
    def __init__(self, text: str, position: str, optional: bool) -> None:
        self._texts = {"ID": text, "String": text, "Position": position}
        self._optional = optional

    def is_made(self, kind: Any) -> bool:
        return kind is not None and (self._optional or isinstance(kind, GraphQLNonNull))

    def value(self, kind: Any) -> Any:
        match kind:
            case GraphQLNonNull():
                return self.value(kind.of_type)
            case GraphQLList():
                return [self.value(kind.of_type)]
            case GraphQLEnumType():
                return next(iter(kind.values))
            case GraphQLInputObjectType():
                return self._fields(kind)
        return self._texts.get(kind.name, _SCALARS.get(kind.name))

    def _fields(self, kind: GraphQLInputObjectType) -> dict[str, Any]:
        """Return what an input needs; of the others, those that name something."""
        fields = {name: field.type for name, field in kind.fields.items()}
        return {
            name: self.value(declared)
            for name, declared in fields.items()
            if isinstance(declared, GraphQLNonNull) or (self._optional and _names(declared))
        }


def _names(kind: Any) -> bool:
    """Return whether a type is a text or an id, or a list of them."""
    inner = kind.of_type if isinstance(kind, GraphQLList | GraphQLNonNull) else kind
    return _names(inner) if inner is not kind else getattr(inner, "name", "") in ("ID", "String")

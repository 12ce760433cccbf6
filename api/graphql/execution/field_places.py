"""Fields at their places in a document, with what their resolvers need."""

from __future__ import annotations

from typing import NamedTuple, Self

from graphql import FieldNode, GraphQLField, GraphQLObjectType
from graphql.pyutils import Path

from api.graphql.execution.input_coercion import ArgumentCoercer
from api.graphql.execution.selection_tree import ResponseField


class FieldPlace(NamedTuple):
    """A field of objects of the type `parent`, where a document selects it.

    The `path` is that of the field in an object of the root; inside of lists, it has no more than its end.
    """

    parent: GraphQLObjectType
    definition: GraphQLField
    nodes: list[FieldNode]
    path: Path
    arguments: ArgumentCoercer

    @classmethod
    def of(cls, parent: GraphQLObjectType, definition: GraphQLField, field: ResponseField) -> Self:
        """Return the place of a field of the response."""
        path = Path(None, field.name, parent.name)
        return cls(parent, definition, list(field.nodes), path, ArgumentCoercer(definition, field.node))

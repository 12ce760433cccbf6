"""Fields that a document selects, with what their resolvers need."""

from __future__ import annotations

from typing import NamedTuple, Self

from graphql import FieldNode, GraphQLField, GraphQLObjectType
from graphql.pyutils import Path

from api.graphql.execution.input_coercion import ArgumentCoercer
from api.graphql.execution.selection_tree import ResponseField


class SelectedField(NamedTuple):
    """A field that a document selects of objects of the type `parent`.

    The `path` is that of the field in an object of the root; inside of lists, it has no more than its end.
    """

    parent: GraphQLObjectType
    definition: GraphQLField
    nodes: list[FieldNode]
    path: Path
    arguments: ArgumentCoercer

    @classmethod
    def of(cls, parent: GraphQLObjectType, definition: GraphQLField, field: ResponseField) -> Self:
        """Return the field of `parent` that a field of the response selects."""
        path = Path(None, field.name, parent.name)
        return cls(parent, definition, list(field.nodes), path, ArgumentCoercer(definition, field.node))

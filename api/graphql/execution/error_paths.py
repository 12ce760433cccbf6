"""Which place of a request a GraphQL error is about: the path that leads a client to what it must correct."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from graphql import (
    SKIP,
    ArgumentNode,
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    ListValueNode,
    Node,
    ObjectFieldNode,
    Undefined,
    VariableDefinitionNode,
    Visitor,
    VisitorAction,
    type_from_ast,
    visit,
)
from graphql.utilities import validate_input_value

ErrorPath = list[str | int]


def error_paths(
    errors: Sequence[GraphQLError], schema: GraphQLSchema, document: DocumentNode, variables: dict[str, Any]
) -> Iterator[ErrorPath]:
    """The place of each error; inside an argument it begins with that, or with the variable it came in."""
    by_variable: dict[int, Iterator[ErrorPath]] = {}
    for error in errors:
        node = error.nodes[0] if error.nodes else None
        if isinstance(node, VariableDefinitionNode):
            of_variable = by_variable.setdefault(id(node), _variable_paths(schema, node, variables))
            yield next(of_variable, [node.variable.name.value])
        else:
            yield _document_path(document, node.loc.start) if node is not None and node.loc else []


def _variable_paths(
    schema: GraphQLSchema, node: VariableDefinitionNode, variables: dict[str, Any]
) -> Iterator[ErrorPath]:
    """The places of a variable's errors, in the order in which graphql-core reports them."""
    name = node.variable.name.value
    found: list[ErrorPath] = []
    declared: Any = type_from_ast(schema, node.type)
    if declared is not None:
        value = variables.get(name, Undefined)
        validate_input_value(value, declared, lambda _error, path: found.append([name, *path]))
    return iter(found)


def _document_path(document: DocumentNode, offset: int) -> ErrorPath:
    chain = _EnclosingNodes(offset)
    visit(document, chain)
    place: ErrorPath = []
    for outer, inner in pairwise(chain.nodes):
        if isinstance(outer, ListValueNode):
            place.append(next(i for i, value in enumerate(outer.values) if value is inner))
        if isinstance(inner, ArgumentNode):
            place = [inner.name.value]
        elif isinstance(inner, ObjectFieldNode):
            place.append(inner.name.value)
        elif isinstance(inner, FieldNode):
            place.append((inner.alias or inner.name).value)
    return place


class _EnclosingNodes(Visitor):
    """The nodes around one offset of the text, outermost first."""

    def __init__(self, offset: int) -> None:
        super().__init__()
        self._offset = offset
        self.nodes: list[Node] = []

    def enter(self, node: Node, *_: Any) -> VisitorAction:
        if node.loc is None or not node.loc.start <= self._offset < node.loc.end:
            return SKIP
        self.nodes.append(node)
        return None

"""The paths of errors in a request, which lead a client to the part that it must correct."""

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
    """Yield the path of each error. Inside an argument it starts with the argument, or with its variable."""
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
    """Return the paths of a variable's errors, in the order in which graphql-core reports them."""
    name = node.variable.name.value
    paths: list[ErrorPath] = []
    declared: Any = type_from_ast(schema, node.type)
    if declared is not None:
        value = variables.get(name, Undefined)
        validate_input_value(value, declared, lambda _error, path: paths.append([name, *path]))
    return iter(paths)


def _document_path(document: DocumentNode, offset: int) -> ErrorPath:
    enclosing = _EnclosingNodes(offset)
    visit(document, enclosing)
    path: ErrorPath = []
    for outer, inner in pairwise(enclosing.nodes):
        if isinstance(outer, ListValueNode):
            path.append(next(i for i, value in enumerate(outer.values) if value is inner))
        if isinstance(inner, ArgumentNode):
            path = [inner.name.value]
        elif isinstance(inner, ObjectFieldNode):
            path.append(inner.name.value)
        elif isinstance(inner, FieldNode):
            path.append((inner.alias or inner.name).value)
    return path


class _EnclosingNodes(Visitor):
    """Collects the nodes around one offset of the text, the outermost first."""

    def __init__(self, offset: int) -> None:
        super().__init__()
        self._offset = offset
        self.nodes: list[Node] = []

    def enter(self, node: Node, *_: Any) -> VisitorAction:
        if node.loc is None or not node.loc.start <= self._offset < node.loc.end:
            return SKIP
        self.nodes.append(node)
        return None

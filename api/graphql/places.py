"""Which place of a request a GraphQL error is about: the path that leads a client to what it must correct."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from graphql import (
    BREAK,
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

Place = list[str | int]


def place_errors(
    errors: Sequence[GraphQLError], schema: GraphQLSchema, document: DocumentNode, variables: dict[str, Any]
) -> None:
    """Give each error its place as ``extensions.path``.

    Inside an argument the path begins with the argument, or with the variable that it came in.
    """
    places: dict[int, Iterator[Place]] = {}
    for error in errors:
        node = error.nodes[0] if error.nodes else None
        if isinstance(node, VariableDefinitionNode):
            of_variable = places.setdefault(id(node), _in_variable(schema, node, variables))
            place = next(of_variable, [node.variable.name.value])
        else:
            place = [] if node is None else _in_document(document, node)
        error.extensions = {**(error.extensions or {}), "path": place}


def _in_variable(
    schema: GraphQLSchema, node: VariableDefinitionNode, variables: dict[str, Any]
) -> Iterator[Place]:
    """The places of a variable's errors, in the order in which graphql-core reports them."""
    name = node.variable.name.value
    places: list[Place] = []
    declared: Any = type_from_ast(schema, node.type)
    if declared is not None:
        value = variables.get(name, Undefined)
        validate_input_value(value, declared, lambda _error, path: places.append([name, *path]))
    return iter(places)


def _in_document(document: DocumentNode, node: Node) -> Place:
    finder = _Finder(node)
    visit(document, finder)
    place: Place = []
    for outer, inner in zip(finder.chain, finder.chain[1:], strict=False):
        if isinstance(outer, ListValueNode):
            place.append(next(i for i, value in enumerate(outer.values) if value is inner))
        if isinstance(inner, ArgumentNode):
            place = [inner.name.value]
        elif isinstance(inner, ObjectFieldNode):
            place.append(inner.name.value)
        elif isinstance(inner, FieldNode):
            place.append((inner.alias or inner.name).value)
    return place


class _Finder(Visitor):
    """Finds the nodes that lead from the document to one node."""

    def __init__(self, node: Node) -> None:
        super().__init__()
        self._node = node
        self.chain: list[Node] = []

    def enter(
        self, node: Node, _key: object, _parent: object, _path: object, ancestors: list[Any]
    ) -> VisitorAction:
        if node is not self._node:
            return None
        self.chain = [step for step in ancestors if isinstance(step, Node)] + [node]
        return BREAK

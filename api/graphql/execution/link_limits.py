"""How far an operation may follow links: known from its text, before anything is read."""

from __future__ import annotations

from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
)

from api.graphql.execution.selections import LinkResolver
from domain.kernel.errors import TooComplex

MAX_DEPTH = 5
"""Links inside each other."""

MAX_LINKS = 100
"""Links of one operation; each is a query, or two with its `totalCount`."""


class _Links(NamedTuple):
    """How many links a selection has, fragments counted as often as they are spread, and how deep they go."""

    many: int = 0
    deep: int = 0


def check_links(schema: GraphQLSchema, document: DocumentNode) -> None:
    """Raises TooComplex where an operation of a valid document follows too many links, or too deep."""
    counter = _Counter(schema, document)
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            links = counter.of(definition.selection_set, schema.get_root_type(definition.operation))
            if links.many > MAX_LINKS:
                raise TooComplex(f"an operation follows {MAX_LINKS} links, not {links.many}; ask in several")
            if links.deep > MAX_DEPTH:
                raise TooComplex(f"links are followed {MAX_DEPTH} deep, not {links.deep}; ask in several")


class _Counter:
    def __init__(self, schema: GraphQLSchema, document: DocumentNode) -> None:
        self._schema = schema
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._known: dict[str, _Links] = {}

    def of(self, selected: SelectionSetNode | None, declared: Any) -> _Links:
        parts = [self._part(node, declared) for node in selected.selections] if selected else []
        return _Links(sum(part.many for part in parts), max((part.deep for part in parts), default=0))

    def _part(self, node: Any, declared: Any) -> _Links:
        match node:
            case FieldNode():
                return self._field(node, declared)
            case InlineFragmentNode(type_condition=condition):
                return self.of(
                    node.selection_set, self._schema.type_map[condition.name.value] if condition else declared
                )
            case FragmentSpreadNode():
                return self._fragment(node.name.value)
        return _Links()

    def _field(self, node: FieldNode, declared: Any) -> _Links:
        field = getattr(declared, "fields", {}).get(node.name.value)
        if field is None:
            return _Links()
        inner = self.of(node.selection_set, get_named_type(field.type))
        return _Links(inner.many + 1, inner.deep + 1) if isinstance(field.resolve, LinkResolver) else inner

    def _fragment(self, name: str) -> _Links:
        if name not in self._known:
            fragment = self._fragments[name]
            declared = self._schema.type_map[fragment.type_condition.name.value]
            self._known[name] = self.of(fragment.selection_set, declared)
        return self._known[name]

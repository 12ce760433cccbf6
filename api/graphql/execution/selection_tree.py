"""The selections of a document as a tree: the one walk over selections, which everything else here shares.

The tree of a valid document is built once and depends on no variables: conditions stay in it, and a fragment
stands in it once, however often it is spread. What a request selects of an object is collected from the tree
as GraphQL's specification says: https://spec.graphql.org/draft/#CollectFields()
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from graphql import (
    BooleanValueNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    NamedTypeNode,
    NameNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
)

Variables = Mapping[str, Any]
"""The coerced values of variables."""

_DROPPED_IF = {"include": False, "skip": True}
"""The directives that are conditions, and the value that drops what they are attached to."""


class DirectiveCondition(NamedTuple):
    """An ``@include`` or ``@skip`` whose value is a variable."""

    variable: str
    dropped_if: bool

    def holds(self, variables: Variables) -> bool:
        """Return whether the selection stays. With null it does: graphql-core reports that error itself."""
        return variables.get(self.variable) is not self.dropped_if


class SelectionSet:
    """The fields and fragments between two braces, in their order."""

    __slots__ = ("members",)

    def __init__(self, members: Sequence[FieldSelection | FragmentSelection] = ()) -> None:
        self.members = members


class FieldSelection(NamedTuple):
    """A field at one place of a document. `name` is its name in the response.

    `definition` is the field of the type that the document names there. It is None for ``__typename`` and for
    fields of the introspection.
    """

    name: str
    node: FieldNode
    definition: GraphQLField | None
    conditions: Sequence[DirectiveCondition]
    selections: SelectionSet


class FragmentSelection(NamedTuple):
    """An inline fragment, or the spread of a named one. `type_name` is its type condition, if it has one."""

    type_name: str | None
    conditions: Sequence[DirectiveCondition]
    selections: SelectionSet


class ResponseField(NamedTuple):
    """A field of an object in a response: everything that a document selects under one `name`.

    `definition` is the field of the object's own type. It is None for ``__typename`` and for fields of the
    introspection. `nodes` are its places, and `selections` is what is selected inside all of them.
    """

    name: str
    field_name: str
    nodes: Sequence[FieldNode]
    definition: GraphQLField | None
    selections: Sequence[SelectionSet]

    @property
    def node(self) -> FieldNode:
        """The first of its places, which has the arguments of all."""
        return self.nodes[0]


class SelectionTree:
    """The selections of a valid document, and their number.

    `operations` has those of each operation by its name.
    """

    def __init__(self, schema: GraphQLSchema, document: DocumentNode) -> None:
        builder = _TreeBuilder(schema, document)
        self.operations = builder.operations()
        self._by_node = builder.by_node
        self.size = builder.size
        self.schema = schema

    def below(self, nodes: Iterable[FieldNode]) -> Sequence[SelectionSet]:
        """Return what is selected inside the field that stands at these nodes of the document."""
        return [self._by_node[id(node)] for node in nodes if node.selection_set]

    def collect(
        self, selections: Iterable[SelectionSet], declared: GraphQLObjectType, variables: Variables
    ) -> list[ResponseField]:
        """Return the fields of the response for an object of this type, in their order."""
        places: dict[str, list[FieldSelection]] = {}
        visited: set[int] = set()

        def add(selection_set: SelectionSet) -> None:
            for member in selection_set.members:
                if not all(condition.holds(variables) for condition in member.conditions):
                    continue
                if isinstance(member, FieldSelection):
                    places.setdefault(member.name, []).append(member)
                elif id(member.selections) not in visited and self._matches(member.type_name, declared):
                    visited.add(id(member.selections))
                    add(member.selections)

        for selection_set in selections:
            add(selection_set)
        return [_response_field(name, fields, declared) for name, fields in places.items()]

    def _matches(self, type_name: str | None, declared: GraphQLObjectType) -> bool:
        if type_name is None or type_name == declared.name:
            return True
        condition: Any = self.schema.type_map[type_name]
        return not isinstance(condition, GraphQLObjectType) and self.schema.is_sub_type(condition, declared)


def _response_field(
    name: str, places: Sequence[FieldSelection], declared: GraphQLObjectType
) -> ResponseField:
    nodes = [place.node for place in places]
    field_name = nodes[0].name.value
    selections = [place.selections for place in places]
    return ResponseField(name, field_name, nodes, declared.fields.get(field_name), selections)


def condition_variables(selections: Iterable[SelectionSet]) -> set[str]:
    """Return the variables whose values decide what these selections are, at any depth."""
    variables: set[str] = set()
    waiting, visited = list(selections), set[int]()
    while waiting:
        selection_set = waiting.pop()
        if id(selection_set) not in visited:
            visited.add(id(selection_set))
            for member in selection_set.members:
                variables.update(condition.variable for condition in member.conditions)
                waiting.append(member.selections)
    return variables


class _TreeBuilder:
    def __init__(self, schema: GraphQLSchema, document: DocumentNode) -> None:
        self.by_node: dict[int, SelectionSet] = {}
        """What is selected inside each field, by the identity of the field's node."""
        self.size = 0
        self._schema = schema
        self._document = document
        self._definitions = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._fragments: dict[str, SelectionSet] = {}

    def operations(self) -> dict[str | None, SelectionSet]:
        operations = (
            node for node in self._document.definitions if isinstance(node, OperationDefinitionNode)
        )
        return {
            node.name.value if node.name else None: self._set(
                node.selection_set, self._schema.get_root_type(node.operation)
            )
            for node in operations
        }

    def _set(self, node: SelectionSetNode, declared: Any) -> SelectionSet:
        self.size += len(node.selections)
        return SelectionSet([member for part in node.selections for member in self._members(part, declared)])

    def _members(self, node: SelectionNode, declared: Any) -> Iterator[FieldSelection | FragmentSelection]:
        conditions = _conditions(node)
        if conditions is None:
            return
        match node:
            case FieldNode():
                yield self._field(node, declared, conditions)
            case InlineFragmentNode(type_condition=None):
                yield FragmentSelection(None, conditions, self._set(node.selection_set, declared))
            case InlineFragmentNode(type_condition=NamedTypeNode(name=NameNode(value=name))):
                inner = self._set(node.selection_set, self._schema.type_map[name])
                yield FragmentSelection(name, conditions, inner)
            case FragmentSpreadNode():
                definition = self._definitions[node.name.value]
                yield FragmentSelection(
                    definition.type_condition.name.value, conditions, self._fragment(definition)
                )

    def _field(
        self, node: FieldNode, declared: Any, conditions: Sequence[DirectiveCondition]
    ) -> FieldSelection:
        definition = getattr(declared, "fields", {}).get(node.name.value)
        selections = _EMPTY
        if node.selection_set:
            inner = None if definition is None else get_named_type(definition.type)
            selections = self.by_node[id(node)] = self._set(node.selection_set, inner)
        return FieldSelection((node.alias or node.name).value, node, definition, conditions, selections)

    def _fragment(self, definition: FragmentDefinitionNode) -> SelectionSet:
        name = definition.name.value
        if name not in self._fragments:
            declared = self._schema.type_map[definition.type_condition.name.value]
            self._fragments[name] = self._set(definition.selection_set, declared)
        return self._fragments[name]


_EMPTY = SelectionSet()


def _conditions(node: SelectionNode) -> Sequence[DirectiveCondition] | None:
    """Return the conditions of a selection, None where one of them never holds."""
    conditions: list[DirectiveCondition] = []
    for directive in node.directives or ():
        dropped_if = _DROPPED_IF.get(directive.name.value)
        if dropped_if is None:
            continue
        [argument] = directive.arguments or ()
        match argument.value:
            case VariableNode(name=name):
                conditions.append(DirectiveCondition(name.value, dropped_if))
            case BooleanValueNode(value=value) if value is dropped_if:
                return None
    return conditions

"""Writers of subscription messages, compiled where nothing in a selection can wait."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from graphql import GraphQLObjectType, GraphQLSchema, get_named_type, is_leaf_type

from api.graphql.execution.object_writers import Write
from api.graphql.execution.selection_tree import (
    ResponseField,
    SelectionSet,
    SelectionTree,
    Variables,
    condition_variables,
)
from api.graphql.execution.shared_leaves import Leaf, LeafJoin, join_leaves, leaf
from api.graphql.execution.value_writers import WriterCompiler
from api.graphql.execution.write_functions import NotCompilable
from api.graphql.item_lookups import ItemLookUp
from api.limits.byte_budget import ByteBudget

MessageWriter = Callable[[Mapping[str, Any]], dict[str, Any] | None]
"""Returns the data of the response for a message; None where graphql-core has to write it."""


class SubscriptionSelection(NamedTuple):
    """The selections of one subscription operation, with the variables and the context of one request."""

    schema: GraphQLSchema
    tree: SelectionTree
    root: SelectionSet
    variables: Variables
    budget: ByteBudget
    context: Any

    def compile_writer(self, typename: str) -> MessageWriter:
        """Return the writer of messages of this type, which are values of the subscription's one field."""
        try:
            name, write = self._compile(typename)
        except NotCompilable:
            return lambda _message: None

        def data(message: Mapping[str, Any]) -> dict[str, Any] | None:
            self.budget.renew()
            try:
                return {name: write(message, self.budget, self.context)}
            except Exception:
                return None

        return data

    def compile_join(self, typename: str) -> LeafJoin | None:
        """Return what joins the response for a shared message; None if some fields are not leaves."""
        declared = self.schema.type_map[typename]
        try:
            field = self._root_field()
        except NotCompilable:
            return None
        assert isinstance(declared, GraphQLObjectType)
        members = self.tree.collect(field.selections, declared, self.variables)
        parts = [(member.name, _leaf_or_constant(member, typename)) for member in members]
        fields = [(name, part) for name, part in parts if part is not None]
        return join_leaves(field.name, fields, self.budget.limit) if len(fields) == len(parts) else None

    def _compile(self, typename: str) -> tuple[str, Write]:
        field = self._root_field()
        compiler = WriterCompiler(self.tree, self.variables)
        return field.name, compiler.value(self.schema.type_map[typename], field.selections)

    def _root_field(self) -> ResponseField:
        """Return the subscription's field; raises NotCompilable where it is one of the introspection."""
        root_type = self.schema.subscription_type
        assert root_type is not None
        if any(self.variables.get(name) is None for name in condition_variables([self.root])):
            raise NotCompilable
        [field] = self.tree.collect([self.root], root_type, self.variables)
        if field.definition is None:
            raise NotCompilable
        return field


def _leaf_or_constant(field: ResponseField, typename: str) -> Leaf | str | None:
    """Return the leaf that a field of objects of a type is, or its constant value; None for other fields."""
    definition = field.definition
    if definition is None:
        return typename if field.field_name == "__typename" else None
    resolver = definition.resolve
    is_leaf = is_leaf_type(get_named_type(definition.type))
    if not is_leaf or not isinstance(resolver, ItemLookUp) or resolver.change is not None:
        return None
    return leaf(resolver.key, definition.type)

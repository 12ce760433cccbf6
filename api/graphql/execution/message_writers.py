"""Writers of subscription messages, compiled where nothing in a selection can wait."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from graphql import GraphQLSchema

from api.graphql.execution.object_writers import Write
from api.graphql.execution.selection_tree import SelectionSet, SelectionTree, Variables, condition_variables
from api.graphql.execution.value_writers import WriterCompiler
from api.graphql.execution.write_functions import NotCompilable
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

    def _compile(self, typename: str) -> tuple[str, Write]:
        root_type = self.schema.subscription_type
        assert root_type is not None
        if any(self.variables.get(name) is None for name in condition_variables([self.root])):
            raise NotCompilable
        [field] = self.tree.collect([self.root], root_type, self.variables)
        if field.definition is None:
            raise NotCompilable
        compiler = WriterCompiler(self.tree, self.variables)
        return field.name, compiler.value(self.schema.type_map[typename], field.selections)

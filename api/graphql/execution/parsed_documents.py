"""Documents that were parsed and validated, cached within a bound on their memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from graphql import DocumentNode, GraphQLSchema, OperationDefinitionNode, get_operation_ast

from api.graphql.execution.compiled_operations import CompiledOperation, RootCache, root_cache
from api.graphql.execution.operation_costs import OperationCosts
from api.graphql.execution.operation_request import choose_operation
from api.graphql.execution.result_dependencies import ResultDependencies, result_dependencies
from api.graphql.execution.row_selections import RowSelections
from api.graphql.execution.selection_tree import SelectionTree
from api.graphql.execution.shared_sources import cursor_variable
from api.graphql.execution.value_writers import FieldWriters
from api.limits.document_limits import count_tokens
from eventstore.lru import LruCache

CACHED_TOKENS = 100_000
"""Of all documents that a process caches. A token takes about 600 bytes with what is worked out about it.

A document that many fragments and conditions expand has up to four compiled fields for each token in
addition, of about 400 bytes: see `max_fields`.
"""

BASE_WEIGHT = 100
"""Tokens that stand for what any document takes."""


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """A valid document, and what is worked out about its selections."""

    node: DocumentNode
    tree: SelectionTree
    row_selections: RowSelections
    writers: FieldWriters
    costs: OperationCosts
    weight: int
    _roots: RootCache
    _cursor_variables: dict[str | None, str] = field(default_factory=dict)
    _dependencies: dict[str | None, ResultDependencies | None] = field(default_factory=dict)
    _compiled: dict[str | None, CompiledOperation] = field(default_factory=dict)
    _chosen: dict[str | None, OperationDefinitionNode] = field(default_factory=dict)

    @classmethod
    def of(cls, schema: GraphQLSchema, node: DocumentNode, text: str, members: Mapping[str, float]) -> Self:
        """Return a document that is valid in the schema. `members`: see `introspection_members`."""
        tree = SelectionTree(schema, node)
        costs = OperationCosts(schema, tree, members)
        weight = weigh(node, text)
        return cls(node, tree, RowSelections(tree), FieldWriters(tree), costs, weight, root_cache(tree))

    def choose(self, name: str | None) -> OperationDefinitionNode:
        """Return the operation to run; raises ValidationFailed as `choose_operation`."""
        operation = self._chosen.get(name)
        if operation is None:
            operation = self._chosen[name] = choose_operation(self.node, name)
        return operation

    def cursor_variable(self, operation_name: str | None) -> str:
        """Return the variable that holds a subscriber's cursor and nothing else; empty if there is none."""
        variable = self._cursor_variables.get(operation_name)
        if variable is None:
            variable = cursor_variable(self.node, self.tree.operations[operation_name]) or ""
            self._cursor_variables[operation_name] = variable
        return variable

    def dependencies(self, operation_name: str | None) -> ResultDependencies | None:
        """Return what the result of an operation depends on; None if it does more than to read rows."""
        if operation_name not in self._dependencies:
            operation = get_operation_ast(self.node, operation_name)
            assert operation is not None
            self._dependencies[operation_name] = result_dependencies(operation, self.tree)
        return self._dependencies[operation_name]

    def compiled(self, operation_name: str | None) -> CompiledOperation:
        """Return the operation with this name, which is compiled when it is first executed."""
        compiled = self._compiled.get(operation_name)
        if compiled is None:
            operation = get_operation_ast(self.node, operation_name)
            assert operation is not None
            compiled = CompiledOperation(self.node, operation, self.tree, self._roots)
            self._compiled[operation_name] = compiled
        return compiled


DocumentCache = LruCache[tuple[GraphQLSchema, str], ParsedDocument]
"""The documents of all callers of a process, each with the schema that it is valid in."""


def document_cache(tokens: int = CACHED_TOKENS) -> DocumentCache:
    """Return a cache of documents that have about so many tokens together."""
    return LruCache(tokens, lambda document: document.weight)


def weigh(document: DocumentNode, text: str) -> int:
    """Return what the document weighs in the cache, in tokens."""
    return BASE_WEIGHT + count_tokens(document) + len(text) // BASE_WEIGHT

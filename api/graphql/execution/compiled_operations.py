"""Operations that are compiled from the root to the leaves: what all their executions have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLResolveInfo,
    OperationDefinitionNode,
    OperationType,
)
from graphql.execution import VariableValues

from api.execution_metrics import CoreReason
from api.graphql.execution.core_executor import is_coroutine
from api.graphql.execution.input_coercion import VariableCoercer
from api.graphql.execution.object_writers import Write
from api.graphql.execution.request_context import ExecutionContext, Info
from api.graphql.execution.selected_fields import SelectedField
from api.graphql.execution.selection_tree import (
    ResponseField,
    SelectionTree,
    Variables,
    condition_variables,
)
from api.graphql.execution.value_writers import WriterCompiler, max_fields
from api.graphql.execution.write_functions import NotCompilable
from eventstore.lru import LruCache


class RootField(NamedTuple):
    """A field of the root under its name in the response. `selected` is None for ``__typename``."""

    name: str
    selected: SelectedField | None
    write: Write


class CompiledRoot(NamedTuple):
    """The fields of the root for some values of the conditions, or why graphql-core has to execute them.

    The `weight` is the number of fields at any depth, as far as the `compiler` had compiled them.
    """

    fields: Sequence[RootField] | CoreReason
    compiler: WriterCompiler | None = None
    weight: int = 0

    @property
    def size(self) -> int:
        """The present number of fields at any depth; at least 1."""
        if self.compiler is None or isinstance(self.fields, CoreReason):
            return 1
        return max(1, len(self.fields) + self.compiler.fields)


RootCache = LruCache[tuple[object, ...], CompiledRoot]
"""The compiled roots of one document, by the names of operations and the values of their conditions."""


def root_cache(tree: SelectionTree) -> RootCache:
    """Return the cache of a document with this tree."""
    return LruCache(max_fields(tree), lambda root: root.weight)


class CompiledOperation:
    """One operation of a valid document, with what graphql-core works out for each of its executions.

    All operations of a document share the cache of their `roots`.
    """

    def __init__(
        self, document: DocumentNode, node: OperationDefinitionNode, tree: SelectionTree, roots: RootCache
    ) -> None:
        self._tree = tree
        self._node = node
        self._name = node.name.value if node.name else None
        self._roots = roots
        self._fragments = {
            each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
        }
        self._variables = VariableCoercer(tree.schema, node)
        self._root = tree.operations[self._name]
        self._conditions = tuple(condition_variables([self._root]))
        root_type = tree.schema.get_root_type(node.operation)
        assert root_type is not None
        self._root_type = root_type

    @property
    def is_serial(self) -> bool:
        """Whether its fields are executed one after another."""
        return self._node.operation is OperationType.MUTATION

    def coerce(self, inputs: Mapping[str, Any]) -> VariableValues:
        """Return the values of the variables; raises NotCoercible."""
        return self._variables.coerce(inputs)

    def root_fields(self, variables: Variables) -> Sequence[RootField] | CoreReason:
        """Return the fields of the root for these variables, or why graphql-core has to execute them."""
        key = (self._name, *map(variables.get, self._conditions))
        root = self._roots.get(key)
        if root is None:
            root = self._compile({name: variables.get(name) for name in self._conditions})
        if root.weight != root.size:
            # It is new, or a value of an interface had a type that no value had before.
            self._roots.put(key, root._replace(weight=root.size))
        return root.fields

    def info(self, field: SelectedField, variables: VariableValues, context: ExecutionContext) -> Info:
        """Return the `info` that graphql-core passes to a resolver, after its source."""
        # No resolver calls graphql-core back: it gets neither a signal to abort nor helpers.
        helpers: Any = None
        return GraphQLResolveInfo(
            field.nodes[0].name.value,
            field.nodes,
            field.definition.type,
            field.parent,
            field.path,
            self._tree.schema,
            self._fragments,
            None,
            self._node,
            variables,
            context,
            is_coroutine,
            None,
            helpers,
        )

    def _compile(self, conditions: Variables) -> CompiledRoot:
        if None in conditions.values():
            # A condition that is null is an error, which graphql-core reports with its path.
            return CompiledRoot(CoreReason.CONDITION)
        fields = self._tree.collect([self._root], self._root_type, conditions)
        limit = max_fields(self._tree) - len(fields)
        compiler = WriterCompiler(self._tree, conditions, defers_batched_fields=True, max_fields=limit)
        try:
            return CompiledRoot([self._field(field, compiler) for field in fields], compiler)
        except NotCompilable as error:
            return CompiledRoot(error.reason)

    def _field(self, field: ResponseField, compiler: WriterCompiler) -> RootField:
        definition = field.definition
        if definition is None:
            return RootField(field.name, None, compiler.field(self._root_type, field).from_object())
        write = compiler.value(definition.type, field.selections)
        return RootField(field.name, SelectedField.of(self._root_type, definition, field), write)

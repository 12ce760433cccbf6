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
from api.graphql.execution.field_places import FieldPlace
from api.graphql.execution.input_coercion import VariableCoercer
from api.graphql.execution.request_context import ExecutionContext, Info
from api.graphql.execution.selection_tree import (
    ResponseField,
    SelectionTree,
    Variables,
    condition_variables,
)
from api.graphql.execution.value_writers import WriterCompiler
from api.graphql.execution.write_functions import NotCompilable, Write

MAX_KEPT = 100
"""Compiled roots that are kept for an operation, by the values of its conditions."""


class RootField(NamedTuple):
    """A field of the root under its name in the response. ``__typename`` has no place, and no resolver."""

    name: str
    place: FieldPlace | None
    write: Write


class CompiledOperation:
    """One operation of a valid document, with what graphql-core works out for each of its executions."""

    def __init__(self, document: DocumentNode, node: OperationDefinitionNode, tree: SelectionTree) -> None:
        self._tree = tree
        self._node = node
        self._fragments = {
            each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
        }
        self._variables = VariableCoercer(tree.schema, node)
        self._root = tree.operations[node.name.value if node.name else None]
        self._conditions = tuple(condition_variables([self._root]))
        self._kept: dict[tuple[object, ...], Sequence[RootField] | CoreReason] = {}
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
        key = tuple(map(variables.get, self._conditions))
        fields = self._kept.get(key)
        if fields is None:
            if len(self._kept) == MAX_KEPT:
                self._kept.clear()
            fields = self._kept[key] = self._compile(dict(zip(self._conditions, key, strict=True)))
        return fields

    def info(self, place: FieldPlace, variables: VariableValues, context: ExecutionContext) -> Info:
        """Return what graphql-core passes to a resolver beside its source and its arguments."""
        # No resolver calls graphql-core back: it gets neither a signal to abort nor helpers.
        helpers: Any = None
        return GraphQLResolveInfo(
            place.nodes[0].name.value,
            place.nodes,
            place.definition.type,
            place.parent,
            place.path,
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

    def _compile(self, conditions: Variables) -> Sequence[RootField] | CoreReason:
        if None in conditions.values():
            # A condition that is null is an error, which graphql-core reports with its path.
            return CoreReason.CONDITION
        compiler = WriterCompiler(self._tree, conditions, leaves_gaps=True)
        fields = self._tree.collect([self._root], self._root_type, conditions)
        try:
            return [self._field(field, compiler) for field in fields]
        except NotCompilable as error:
            return error.reason

    def _field(self, field: ResponseField, compiler: WriterCompiler) -> RootField:
        definition = field.definition
        if definition is None:
            return RootField(field.name, None, compiler.field(self._root_type, field).write)
        write = compiler.value(definition.type, field.selections)
        return RootField(field.name, FieldPlace.of(self._root_type, definition, field), write)

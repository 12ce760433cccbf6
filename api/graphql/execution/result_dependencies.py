"""What the result of a query depends on: the views that it reads, if it reads only rows as they are now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from graphql import (
    FieldNode,
    OperationDefinitionNode,
    OperationType,
    Undefined,
    ValueNode,
    value_from_ast_untyped,
)

from api.graphql.execution.row_resolvers import LinkResolver, RowCountResolver, ViewResolver
from api.graphql.execution.selection_tree import FieldSelection, SelectionSet, SelectionTree, Variables
from api.graphql.item_lookups import DirectResolver, ItemLookUp
from projections.kernel.view import View

ID = "id"
PRESENT_ARGUMENTS = (ID, "atLeast", "asOf")
"""The arguments of a view's fields by which a client can ask for another state than the present one."""


class _PointArgument(NamedTuple):
    """One of `PRESENT_ARGUMENTS`, and its value in the document."""

    name: str
    value: ValueNode

    def is_present(self, variables: dict[str, Any]) -> bool:
        """Return whether it asks for the present state. The id of a past state contains an ``@``."""
        value = value_from_ast_untyped(self.value, variables)
        return "@" not in str(value) if self.name == ID else value in (None, Undefined)


@dataclass(frozen=True, slots=True)
class ResultDependencies:
    """The views whose rows an operation reads, whatever its variables are.

    `defaults` are the default values of the variables.
    """

    views: Sequence[View[Any]]
    defaults: Mapping[str, Any]
    points: Sequence[_PointArgument]

    def are_present(self, variables: Variables | None) -> bool:
        """Return whether the operation reads the rows as they are now, with these variables."""
        if not self.points:
            return True
        values = {**self.defaults, **(variables or {})}
        return all(argument.is_present(values) for argument in self.points)


def result_dependencies(operation: OperationDefinitionNode, tree: SelectionTree) -> ResultDependencies | None:
    """Return what the result of an operation depends on; None if it does more than to read rows of views."""
    name = operation.name.value if operation.name else None
    reader = _DependencyReader()
    if operation.operation is not OperationType.QUERY or not reader.read(tree.operations[name]):
        return None
    defaults = {
        definition.variable.name.value: value_from_ast_untyped(definition.default_value)
        for definition in operation.variable_definitions or ()
        if definition.default_value is not None
    }
    return ResultDependencies(tuple(reader.views.values()), defaults, tuple(reader.points))


class _DependencyReader:
    """Reads all selections of an operation, also those that a condition may leave out."""

    def __init__(self) -> None:
        self.views: dict[str, View[Any]] = {}
        self.points: list[_PointArgument] = []

    def read(self, root: SelectionSet) -> bool:
        """Collect what the selections depend on. Return whether that is rows of views, and nothing else."""
        waiting, visited = [root], set[int]()
        while waiting:
            selections = waiting.pop()
            if id(selections) in visited:
                continue
            visited.add(id(selections))
            for member in selections.members:
                if isinstance(member, FieldSelection) and not self._add(member):
                    return False
                waiting.append(member.selections)
        return bool(self.views)

    def _add(self, field: FieldSelection) -> bool:
        if field.definition is None:
            # The other fields without a definition are those of the introspection.
            return field.node.name.value == "__typename"
        match field.definition.resolve:
            case ViewResolver(view=view):
                self.views[view.name] = view
                self.points += _point_arguments(field.node)
            case LinkResolver(view=view):
                self.views[view.name] = view
            case ItemLookUp() | DirectResolver() | RowCountResolver():
                pass
            case _:
                return False
        return True


def _point_arguments(node: FieldNode) -> list[_PointArgument]:
    return [
        _PointArgument(argument.name.value, argument.value)
        for argument in node.arguments or ()
        if argument.name.value in PRESENT_ARGUMENTS
    ]

"""The rows that a live query depends on, found by a walk of its selection."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from graphql import GraphQLObjectType, NullValueNode, VariableNode, get_named_type, is_abstract_type

from api.graphql.execution.message_writers import SubscriptionSelection
from api.graphql.execution.request_context import RequestContext
from api.graphql.execution.result_dependencies import ID
from api.graphql.execution.row_resolvers import LinkResolver, ViewResolver
from api.graphql.execution.selection_tree import ResponseField, SelectionSet
from domain.kernel.errors import ValidationFailed
from projections.kernel.view import View
from projections.querying.filters import EVERYTHING, AnyOf, FieldCondition, Filter


class LiveDependencies:
    """The views that a selection of Query reads, and filters for their rows that may change its result.

    A row that leaves a list, or a page, no longer meets the filter of the list, so lists depend on all rows
    of their view. Raises ValidationFailed for fields that read something else than present rows of views.
    """

    def __init__(self, selection: SubscriptionSelection, query: ResponseField) -> None:
        self.views: dict[str, View[Any]] = {}
        self.filters: dict[str, Filter] = {}
        self._selection = selection
        root = selection.schema.query_type
        assert root is not None
        for field in self._collect(query.selections, root):
            if field.field_name != "__typename":
                self._add_field(field)
        if not self.filters:
            raise ValidationFailed("a live query needs a field that reads a view", ("live", "query"))

    def bound_rules(self, context: RequestContext) -> tuple[str, ...]:
        """Return the rules by which the views show rows to the caller."""
        return tuple(f"{name} {context.rows(view).key}" for name, view in self.views.items())

    def _collect(
        self, selections: Sequence[SelectionSet], declared: GraphQLObjectType
    ) -> Sequence[ResponseField]:
        return self._selection.tree.collect(selections, declared, self._selection.variables)

    def _add_field(self, field: ResponseField) -> None:
        path = ("live", "query", field.name)
        resolver = None if field.definition is None else field.definition.resolve
        if not isinstance(resolver, ViewResolver):
            raise ValidationFailed(
                f"{field.field_name} does not read the present rows of one view, so it cannot be live: send "
                "it as a query, or follow `events` and send it again",
                path,
            )
        if self._argument(field, "asOf") is not None:
            raise ValidationFailed("the past does not change: leave asOf out, or send a query", path)
        if self._argument(field, "atLeast") is not None:
            raise ValidationFailed("a live query follows its views: leave atLeast out", path)
        self._add(resolver.view, self._filter(field, resolver))
        assert field.definition is not None
        for view in self._linked_views(get_named_type(field.definition.type), field.selections):
            self._add(view, EVERYTHING)

    def _add(self, view: View[Any], filter: Filter) -> None:
        present = self.filters.get(view.name)
        self.views[view.name] = view
        self.filters[view.name] = filter if present in (None, filter) else AnyOf((present, filter))

    def _filter(self, field: ResponseField, resolver: ViewResolver) -> Filter:
        """Return the filter for the rows that the field may read."""
        row_id = self._argument(field, ID)
        if resolver.find_key is None or row_id is None:
            return EVERYTHING
        return FieldCondition("id", "eq", resolver.find_key(str(row_id), self._selection.context))

    def _argument(self, field: ResponseField, name: str) -> object:
        """Return the value of an argument; None if it is absent or null."""
        for argument in field.node.arguments or ():
            if argument.name.value == name:
                match argument.value:
                    case VariableNode(name=variable):
                        return self._selection.variables.get(variable.value)
                    case NullValueNode():
                        return None
                    case node:
                        return getattr(node, "value", node)
        return None

    def _linked_views(self, declared: Any, selections: Sequence[SelectionSet]) -> Iterator[View[Any]]:
        """Yield the views of all links inside a value of this type."""
        for concrete in self._possible_types(declared):
            for field in self._collect(selections, concrete):
                if field.definition is not None:
                    if isinstance(field.definition.resolve, LinkResolver):
                        yield field.definition.resolve.view
                    yield from self._linked_views(get_named_type(field.definition.type), field.selections)

    def _possible_types(self, declared: Any) -> Sequence[GraphQLObjectType]:
        if is_abstract_type(declared):
            return self._selection.schema.get_possible_types(declared)
        return (declared,) if isinstance(declared, GraphQLObjectType) else ()

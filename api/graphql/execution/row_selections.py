"""What a document selects of the rows of views, so that MongoDB sends nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from graphql import GraphQLObjectType, GraphQLResolveInfo, GraphQLSchema, get_named_type, is_abstract_type

from api.graphql.execution.row_resolvers import LinkResolver, RowItemsResolver
from api.graphql.execution.selection_tree import (
    ResponseField,
    SelectionSet,
    SelectionTree,
    Variables,
    condition_variables,
)
from api.graphql.item_lookups import ItemLookUp
from projections.kernel.view import View
from projections.querying.fields import Fields

MAX_KEPT = 100
"""Results that are kept for a document. A field has as many as its conditions have combinations of values."""


class _RowSelection(NamedTuple):
    """The fields of a view's rows that a field selects, None for all, and the views that its links read."""

    fields: Fields | None
    views: Sequence[str]


class RowSelections:
    """What one document selects of rows, worked out once for equal values of its conditions."""

    def __init__(self, tree: SelectionTree) -> None:
        self._tree = tree
        self._conditions: dict[tuple[object, ...], Sequence[str]] = {}
        self._kept: dict[tuple[object, ...], _RowSelection] = {}

    def fields(self, info: GraphQLResolveInfo[Any], view: View[Any]) -> Fields | None:
        """Return the fields of the view's rows that are selected below the field at `info`; None for all."""
        return self._find(info, view).fields

    def views(self, info: GraphQLResolveInfo[Any], view: View[Any]) -> Sequence[str]:
        """Return the names of the views that the links below the field at `info` read."""
        return self._find(info, view).views

    def selects(self, info: GraphQLResolveInfo[Any], name: str) -> bool:
        """Return whether the field `name` is selected directly below the field at `info`."""
        declared: Any = get_named_type(info.return_type)
        selections = self._tree.below(info.field_nodes)
        selected = self._tree.collect(selections, declared, info.variable_values.coerced)
        return any(field.field_name == name for field in selected)

    def _find(self, info: GraphQLResolveInfo[Any], view: View[Any]) -> _RowSelection:
        # The document keeps its nodes alive, and so their identities are unique.
        place = (view.name, *map(id, info.field_nodes))
        conditions = self._conditions.get(place)
        if conditions is None:
            variables = condition_variables(self._tree.below(info.field_nodes))
            conditions = self._conditions[place] = tuple(variables)
        key = (place, *map(info.variable_values.coerced.get, conditions))
        selection = self._kept.get(key)
        if selection is None:
            if len(self._kept) == MAX_KEPT:
                self._kept.clear()
            selection = self._kept[key] = self._select(info, view)
        return selection

    def _select(self, info: GraphQLResolveInfo[Any], view: View[Any]) -> _RowSelection:
        row = info.schema.type_map[view.type_name]
        reader = _SelectionReader(self._tree, info.schema, row, info.variable_values.coerced)
        declared, selections = get_named_type(info.return_type), self._tree.below(info.field_nodes)
        items = set(reader.row_items(declared, selections))
        fields = None if None in items else frozenset(item for item in items if item is not None)
        return _RowSelection(fields, tuple(dict.fromkeys(reader.linked_views(declared, selections))))


class _SelectionReader:
    """Reads a selection for rows of the type `row`, which stands for every interface that it implements."""

    def __init__(self, tree: SelectionTree, schema: GraphQLSchema, row: Any, variables: Variables) -> None:
        self._tree = tree
        self._schema = schema
        self._row = row
        self._variables = variables

    def linked_views(self, declared: Any, selections: Sequence[SelectionSet]) -> Iterator[str]:
        """Yield the views of all links inside a value of this type."""
        for concrete in self._possible_types(declared):
            for field in self._tree.collect(selections, concrete, self._variables):
                if field.definition is not None:
                    if isinstance(field.definition.resolve, LinkResolver):
                        yield field.definition.resolve.view.name
                    yield from self.linked_views(get_named_type(field.definition.type), field.selections)

    def _possible_types(self, declared: Any) -> Sequence[GraphQLObjectType]:
        if is_abstract_type(declared):
            return self._schema.get_possible_types(declared)
        return (declared,) if isinstance(declared, GraphQLObjectType) else ()

    def row_items(self, declared: Any, selections: Iterable[SelectionSet]) -> Iterator[str | None]:
        """Yield the items of rows that are selected inside a value of this type; None stands for all."""
        if declared is self._row or is_abstract_type(declared):
            yield from self._stored_items(self._row, selections)
            return
        for field in self._collect(declared, selections):
            if field.definition is not None:
                yield from self.row_items(get_named_type(field.definition.type), field.selections)

    def _stored_items(self, declared: Any, selections: Iterable[SelectionSet]) -> Iterator[str | None]:
        for field in self._collect(declared, selections):
            if field.definition is None:
                continue
            match field.definition.resolve:
                case LinkResolver(key=key):
                    yield key
                case RowItemsResolver(keys=keys):
                    yield from keys
                case ItemLookUp(key=key):
                    named = get_named_type(field.definition.type)
                    inner = list(self._stored_items(named, field.selections))
                    yield from [f"{key}.{item}" for item in inner] if inner and None not in inner else [key]
                case _:
                    yield None

    def _collect(self, declared: Any, selections: Iterable[SelectionSet]) -> Sequence[ResponseField]:
        concrete = self._row if is_abstract_type(declared) else declared
        if not isinstance(concrete, GraphQLObjectType):
            return ()
        return self._tree.collect(selections, concrete, self._variables)

"""What a selection reads of a view's rows, so that MongoDB sends nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from graphql import (
    DirectiveNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLResolveInfo,
    VariableNode,
    Visitor,
    get_named_type,
    is_abstract_type,
    visit,
)
from graphql.execution.collect_fields import FieldDetails, FragmentDetails, collect_subfields

from api.graphql.declare import ItemLookUp
from projections.kernel.view import View
from projections.querying.fields import Fields

KEPT = 100
"""What is kept of the selections below one field, which has as many as its conditions have values."""

_CONDITIONS = ("skip", "include")


class LinkResolver:
    """The resolver of a field that is read from another view, by the item `key` of its source."""

    __slots__ = ("key", "view")

    def __init__(self, key: str, view: View[Any]) -> None:
        self.key = key
        self.view = view


class RowItemsResolver:
    """The resolver of a field that is made of several items of a stored row."""

    __slots__ = ("keys",)

    def __init__(self, *keys: str) -> None:
        self.keys = keys


class DocumentSelections:
    """The selections of one document, each looked at once for the same values of its conditions."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], _Selection] = {}

    def fields(self, info: GraphQLResolveInfo[Any], view: View[Any]) -> Fields | None:
        """The fields of the view's rows that are selected below the field at `info`; None for all of them."""
        return self._of(info, view).fields

    def views(self, info: GraphQLResolveInfo[Any], view: View[Any]) -> Sequence[str]:
        """The names of the views that the links below the field at `info` are read from."""
        return self._of(info, view).views

    def _of(self, info: GraphQLResolveInfo[Any], view: View[Any]) -> _Selected:
        # The nodes are the document's, and are there as long as this is.
        key = (view.name, *map(id, info.field_nodes))
        if key not in self._known:
            self._known[key] = _Selection(info)
        return self._known[key].of(info, view)


def selects(info: GraphQLResolveInfo[Any], name: str) -> bool:
    """Whether the field `name` is selected directly below the field at `info`."""
    declared: Any = get_named_type(info.return_type)
    fragments = {of: FragmentDetails(node) for of, node in info.fragments.items()}
    details = [FieldDetails(node, None) for node in info.field_nodes]
    grouped = collect_subfields(
        info.schema, fragments, info.variable_values, info.operation, declared, details
    ).grouped_field_set
    return any(same[0].node.name.value == name for same in grouped.values())


class _Selected(NamedTuple):
    """What is selected where the conditions have certain values."""

    fields: Fields | None
    views: Sequence[str]


class _Selection:
    """What is selected below one field, by the values of its conditions."""

    def __init__(self, info: GraphQLResolveInfo[Any]) -> None:
        conditions = _Conditions()
        for node in (*info.field_nodes, *info.fragments.values()):
            visit(node, conditions)
        self._conditions = tuple(conditions.variables)
        self._known: dict[tuple[object, ...], _Selected] = {}

    def of(self, info: GraphQLResolveInfo[Any], view: View[Any]) -> _Selected:
        values = tuple(map(info.variable_values.coerced.get, self._conditions))
        if values not in self._known:
            if len(self._known) == KEPT:
                self._known.clear()
            self._known[values] = _Walk(info, view).selected()
        return self._known[values]


class _Conditions(Visitor):
    """Finds the variables by whose values fields come and go."""

    def __init__(self) -> None:
        super().__init__()
        self.variables: set[str] = set()

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
        if node.name.value in _CONDITIONS:
            values = (argument.value for argument in node.arguments or ())
            self.variables.update(value.name.value for value in values if isinstance(value, VariableNode))


class _Walk:
    """Goes through a selection as its execution will. A name that is None stands for all fields."""

    def __init__(self, info: GraphQLResolveInfo[Any], view: View[Any]) -> None:
        self._info = info
        self._row = info.schema.type_map[view.type_name]
        self._fragments = {name: FragmentDetails(node) for name, node in info.fragments.items()}

    def selected(self) -> _Selected:
        declared = get_named_type(self._info.return_type)
        details = [FieldDetails(node, None) for node in self._info.field_nodes]
        names, views = set(self._of_rows(declared, details)), dict.fromkeys(self._linked(declared, details))
        fields = None if None in names else frozenset(name for name in names if name is not None)
        return _Selected(fields, tuple(views))

    def _linked(self, declared: Any, details: list[FieldDetails]) -> Iterator[str]:
        """The views of all links inside a value of this type."""
        declared = self._row if is_abstract_type(declared) else declared
        if isinstance(declared, GraphQLObjectType):
            for field, inner in self._selected(declared, details):
                if isinstance(field.resolve, LinkResolver):
                    yield field.resolve.view.name
                yield from self._linked(get_named_type(field.type), inner)

    def _of_rows(self, declared: Any, details: list[FieldDetails]) -> Iterator[str | None]:
        """What is selected of the rows inside a value of this type."""
        # Of what implements an interface, this is only asked of the row.
        declared = self._row if is_abstract_type(declared) else declared
        if declared is self._row:
            yield from self._stored(declared, details)
        elif isinstance(declared, GraphQLObjectType):
            for field, inner in self._selected(declared, details):
                yield from self._of_rows(get_named_type(field.type), inner)

    def _stored(self, declared: Any, details: list[FieldDetails]) -> Iterator[str | None]:
        """The items that the selection reads of a stored value of this type."""
        for field, inner in self._selected(declared, details):
            match field.resolve:
                case LinkResolver(key=key):
                    yield key
                case RowItemsResolver(keys=keys):
                    yield from keys
                case ItemLookUp(key=key):
                    named = get_named_type(field.type)
                    items = list(self._stored(named, inner)) if isinstance(named, GraphQLObjectType) else []
                    yield from (f"{key}.{item}" for item in items) if items and None not in items else (key,)
                case _:
                    yield None

    def _selected(
        self, declared: GraphQLObjectType, details: list[FieldDetails]
    ) -> Iterator[tuple[GraphQLField, list[FieldDetails]]]:
        info = self._info
        grouped = collect_subfields(
            info.schema, self._fragments, info.variable_values, info.operation, declared, details
        ).grouped_field_set
        for same in grouped.values():
            field = declared.fields.get(same[0].node.name.value)
            if field is not None:
                yield field, same

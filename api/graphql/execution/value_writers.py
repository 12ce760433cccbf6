"""Writers of values, compiled from a selection: what a response has of a value, without an execution.

graphql-core collects the fields of a selection for each object, and resolves, completes and checks each field
by itself. Where nothing in a selection can wait, a writer compiled once does the same. It raises where a
value does not fit its type; graphql-core then writes the value and its errors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import CoroutineType
from typing import Any, NamedTuple

from graphql import (
    FieldNode,
    GraphQLID,
    GraphQLList,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLString,
    Undefined,
    get_nullable_type,
    is_leaf_type,
)

from api.graphql.execution.selection_tree import (
    ResponseField,
    SelectionSet,
    SelectionTree,
    Variables,
    condition_variables,
)
from api.graphql.item_lookups import DirectResolver, ItemLookUp
from api.limits.byte_budget import ByteBudget

Write = Callable[[Any, ByteBudget, Any], Any]
"""Returns what a response has of a value; the last argument is the context of the request.

Of an object's field the value is the object. It raises any exception where graphql-core has to write the
value: what was spent of the budget must be given back then.
"""

MAX_WRITERS = 1_000
"""Writers that are kept for a document. A field has one for each combination of its conditions' values."""


class NotCompilable(Exception):
    """Only graphql-core can write this."""


class FieldWriters:
    """The writers of the fields of one document, compiled once for equal values of its conditions."""

    def __init__(self, tree: SelectionTree) -> None:
        self._tree = tree
        self._conditions: dict[tuple[object, ...], Sequence[str]] = {}
        self._kept: dict[tuple[object, ...], Write | None] = {}

    def find(
        self, declared: GraphQLObjectType, nodes: Sequence[FieldNode], variables: Variables
    ) -> Write | None:
        """Return the writer of the field that stands at these nodes of the document, in objects of a type.

        None where it is left to graphql-core.
        """
        # The document keeps its nodes alive, and so their identities are unique.
        place = (declared.name, *map(id, nodes))
        conditions = self._conditions.get(place)
        if conditions is None:
            conditions = self._conditions[place] = tuple(condition_variables(self._tree.below(nodes)))
        key = (place, *map(variables.get, conditions))
        if key not in self._kept:
            if len(self._kept) == MAX_WRITERS:
                self._kept.clear()
            self._kept[key] = self._compile(declared, nodes, variables, conditions)
        return self._kept[key]

    def _compile(
        self,
        declared: GraphQLObjectType,
        nodes: Sequence[FieldNode],
        variables: Variables,
        conditions: Sequence[str],
    ) -> Write | None:
        if any(variables.get(name) is None for name in conditions):
            # A condition that is null is an error, which graphql-core reports with its path.
            return None
        name, selections = nodes[0].name.value, self._tree.below(nodes)
        field = ResponseField(name, name, nodes[0], declared.fields.get(name), selections)
        try:
            return WriterCompiler(self._tree, variables).field(declared, field).from_object()
        except NotCompilable:
            return None


class WriterCompiler:
    """Compiles writers of values for the variables of one request."""

    def __init__(self, tree: SelectionTree, variables: Variables) -> None:
        self._tree = tree
        self._variables = variables

    def value(self, declared: Any, selections: Sequence[SelectionSet]) -> Write:
        """Return the writer of values of this type, with these selections; raises NotCompilable."""
        inner: Any = get_nullable_type(declared)
        nullable = inner is declared
        if is_leaf_type(inner):
            return _leaf(inner.coerce_output_value, nullable=nullable)
        write = self._present(inner, selections)
        return _nullable(write) if nullable else write

    def _present(self, declared: GraphQLOutputType, selections: Sequence[SelectionSet]) -> Write:
        """Return the writer of values that are neither leaves nor null."""
        if isinstance(declared, GraphQLList):
            return _list(self.value(declared.of_type, selections))
        if isinstance(declared, GraphQLObjectType):
            fields = self._tree.collect(selections, declared, self._variables)
            return object_writer([(field.name, self.field(declared, field)) for field in fields])
        raise NotCompilable

    def field(self, declared: GraphQLObjectType, field: ResponseField) -> FieldWriter:
        """Return the writer of a field of objects of this type; raises NotCompilable."""
        definition = field.definition
        if definition is None:
            if field.field_name != "__typename":
                raise NotCompilable
            return FieldWriter(None, _constant(declared.name))
        resolver = definition.resolve
        if not isinstance(resolver, ItemLookUp | DirectResolver):
            raise NotCompilable
        write = self.value(definition.type, field.selections)
        if isinstance(resolver, DirectResolver):
            return FieldWriter(None, _read(resolver.read, write))
        if resolver.change is not None:
            return FieldWriter(None, _changed_item(resolver.key, resolver.change, write))
        return FieldWriter(resolver.key, write, is_text=_is_text(definition.type))


class FieldWriter(NamedTuple):
    """The writer of a field: it gets the item `key` of the object, or the object itself without a key.

    With `is_text` the response has the item as it is, if it is a text.
    """

    key: str | None
    write: Write
    is_text: bool = False

    def from_object(self) -> Write:
        """Return the writer that gets the object."""
        return self.write if self.key is None else _item(self.key, self.write)


def object_writer(fields: Sequence[tuple[str, FieldWriter]]) -> Write:
    """Return the writer of objects with these fields by their names in the response."""
    names = sum(len(name) for name, _ in fields)
    if all(field.key is None for _, field in fields):
        return _direct_object_writer(tuple((name, field.write) for name, field in fields))
    items = tuple((name, *field) for name, field in fields)

    def written(source: Any, budget: ByteBudget, context: Any) -> dict[str, Any]:
        # One loop for all items, because a call for each of them costs more than the rest.
        get, size, data = source.get, names, {}
        for name, key, write, is_text in items:
            value = source if key is None else get(key)
            if is_text and value.__class__ is str:
                size += len(value) if value.isascii() else len(value.encode())
                data[name] = value
            else:
                data[name] = write(value, budget, context)
        budget.take(size)
        return data

    return written


def _direct_object_writer(fields: Sequence[tuple[str, Write]]) -> Write:
    """Return the writer of objects that need not be mappings."""

    def written(source: Any, budget: ByteBudget, context: Any) -> dict[str, Any]:
        # Fields like `__typename` read nothing of the source. graphql-core raises a source that is an error.
        if source is None or isinstance(source, Exception):
            raise NotCompilable
        return {name: write(source, budget, context) for name, write in fields}

    return written


def _constant(value: str) -> Write:
    return lambda _value, _budget, _context: value


def _item(key: str, write: Write) -> Write:
    return lambda source, budget, context: write(source.get(key), budget, context)


def _changed_item(key: str, change: Callable[[Any], Any], write: Write) -> Write:
    return lambda source, budget, context: write(change(source.get(key)), budget, context)


def _is_text(declared: GraphQLOutputType) -> bool:
    """Return whether texts stand for themselves in a response, as most leaves do."""
    inner: Any = get_nullable_type(declared)
    return inner is GraphQLString or inner is GraphQLID


def _read(read: Callable[[Any, Any], Any], write: Write) -> Write:
    def written(source: Any, budget: ByteBudget, context: Any) -> Any:
        value = read(source, context)
        if value.__class__ is CoroutineType:
            value.close()
            raise NotCompilable
        return write(value, budget, context)

    return written


def _nullable(write: Write) -> Write:
    return lambda value, budget, context: None if value is None else write(value, budget, context)


def _list(write: Write) -> Write:
    def written(values: Any, budget: ByteBudget, context: Any) -> list[Any]:
        if type(values) is not list and type(values) is not tuple:
            raise NotCompilable
        return [write(value, budget, context) for value in values]

    return written


def _leaf(coerce: Callable[[Any], Any], *, nullable: bool) -> Write:
    def written(value: Any, budget: ByteBudget, _context: Any) -> Any:
        if value is None and nullable:
            return None
        written = None if value is None else coerce(value)
        if written is None or written is Undefined:
            raise NotCompilable
        budget.spend("", written)
        return written

    return written

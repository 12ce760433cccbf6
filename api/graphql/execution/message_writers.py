"""Writers of subscription messages, compiled where a selection only looks items up.

graphql-core collects the fields of a selection again for each message. Where nothing in the selection can
wait, or fail by itself, a writer compiled once does the same; where a value does not fit its type,
graphql-core writes the message and its errors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from graphql import (
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    Undefined,
    is_leaf_type,
)

from api.graphql.execution.selection_tree import SelectionSet, SelectionTree, Variables, condition_variables
from api.graphql.item_lookups import ItemLookUp
from api.limits.byte_budget import ByteBudget

MessageWriter = Callable[[Mapping[str, Any]], dict[str, Any] | None]
"""Returns the data of the response for a message; None where graphql-core has to write it."""

Write = Callable[[Any], Any]


class _NotCompilable(Exception):
    """Only graphql-core can write this."""


class SubscriptionSelection(NamedTuple):
    """The selections of one subscription operation, with the variables of one request."""

    schema: GraphQLSchema
    tree: SelectionTree
    root: SelectionSet
    variables: Variables
    budget: ByteBudget

    def compile_writer(self, typename: str) -> MessageWriter:
        """Return the writer of messages of this type, which are values of the subscription's one field."""
        try:
            name, write = self._compile(typename)
        except _NotCompilable:
            return lambda _message: None

        def data(message: Mapping[str, Any]) -> dict[str, Any] | None:
            self.budget.renew()
            try:
                return {name: write(message)}
            except Exception:
                return None

        return data

    def _compile(self, typename: str) -> tuple[str, Write]:
        root_type = self.schema.subscription_type
        assert root_type is not None
        if any(self.variables.get(name) is None for name in condition_variables([self.root])):
            raise _NotCompilable
        [field] = self.tree.collect([self.root], root_type, self.variables)
        if field.definition is None:
            raise _NotCompilable
        compiler = _WriterCompiler(self.tree, self.variables, self.budget)
        return field.name, compiler.writer(self.schema.type_map[typename], field.selections)


class _FieldWriter(NamedTuple):
    """A field of an object: its name in the response, the item that it is read from, and its writer."""

    name: str
    key: str
    write: Write


class _WriterCompiler:
    def __init__(self, tree: SelectionTree, variables: Variables, budget: ByteBudget) -> None:
        self._tree = tree
        self._variables = variables
        self._budget = budget

    def writer(self, declared: Any, selections: Sequence[SelectionSet]) -> Write:
        """Return the writer of values of this type, with what is selected inside them."""
        if isinstance(declared, GraphQLNonNull):
            return self._present(declared.of_type, selections)
        write = self._present(declared, selections)

        def written(value: Any) -> Any:
            return None if value is None else write(value)

        return written

    def _present(self, declared: GraphQLOutputType, selections: Sequence[SelectionSet]) -> Write:
        """Return the writer of values that are not null."""
        if isinstance(declared, GraphQLList):
            return _list(self.writer(declared.of_type, selections))
        if isinstance(declared, GraphQLObjectType):
            return self._object(declared, selections)
        if is_leaf_type(declared):
            return _leaf(declared.coerce_output_value, self._budget)
        raise _NotCompilable

    def _object(self, declared: GraphQLObjectType, selections: Sequence[SelectionSet]) -> Write:
        writers: list[_FieldWriter] = []
        for field in self._tree.collect(selections, declared, self._variables):
            if field.definition is None:
                writers.append(_FieldWriter(field.name, "", lambda _value: declared.name))
                continue
            resolver = field.definition.resolve
            if not isinstance(resolver, ItemLookUp):
                raise _NotCompilable
            write = resolver.writer(self.writer(field.definition.type, field.selections))
            writers.append(_FieldWriter(field.name, resolver.key, write))
        return _object(tuple(writers))


def _object(writers: tuple[_FieldWriter, ...]) -> Write:
    def write(source: Any) -> dict[str, Any]:
        get = source.get
        return {name: write(get(key)) for name, key, write in writers}

    return write


def _list(write: Write) -> Write:
    def written(values: Any) -> list[Any]:
        if type(values) is not list and type(values) is not tuple:
            raise _NotCompilable
        return [write(value) for value in values]

    return written


def _leaf(coerce: Callable[[Any], Any], budget: ByteBudget) -> Write:
    def write(value: Any) -> Any:
        written = None if value is None else coerce(value)
        if written is None or written is Undefined:
            raise _NotCompilable
        budget.spend("", written)
        return written

    return write

"""How to write what a subscription tells, worked out once where its selection only looks items up.

graphql-core collects the fields of a selection anew for each source. Where nothing in it can wait or fail by
itself, what it would do is known beforehand; where a value is not as it should be, it does it itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from graphql import (
    Executor,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    Undefined,
    is_leaf_type,
)
from graphql.execution.collect_fields import FieldDetails, collect_fields, collect_subfields

from api.graphql.declare import ItemLookUp

MessageWriter = Callable[[Mapping[str, Any]], dict[str, Any] | None]
"""The data of the response for a source; None where graphql-core has to say it."""

Write = Callable[[Any], Any]


class _NotCompilable(Exception):
    """Only graphql-core can say what is to be written."""


def compile_writer(bound: Executor[Any], typename: str) -> MessageWriter:
    """How to write the sources of this type that the one field of a subscription is told."""
    try:
        name, details = _root(bound)
        write = _WriterCompiler(bound).written(bound.schema.type_map[typename], details)
    except _NotCompilable:
        return lambda _source: None

    def data(source: Mapping[str, Any]) -> dict[str, Any] | None:
        try:
            return {name: write(source)}
        except Exception:
            return None

    return data


def _root(bound: Executor[Any]) -> tuple[str, list[FieldDetails]]:
    """The one field of the subscription, by its name in the response."""
    declared = bound.schema.subscription_type
    assert declared is not None
    collected = collect_fields(
        bound.schema, bound.fragments, bound.variable_values, declared, bound.operation
    ).grouped_field_set
    [(name, details)] = collected.items()
    if details[0].node.name.value not in declared.fields:
        raise _NotCompilable
    return name, details


class _FieldWriter(NamedTuple):
    """A field of an object: its name in the response, the item it is read from, and how that is written."""

    name: str
    key: str
    write: Write


class _WriterCompiler:
    def __init__(self, bound: Executor[Any]) -> None:
        self._bound = bound

    def written(self, declared: Any, details: list[FieldDetails]) -> Write:
        """How a value of this type is written, with the selection of these fields."""
        if isinstance(declared, GraphQLNonNull):
            return self._present(declared.of_type, details)
        write = self._present(declared, details)

        def written(value: Any) -> Any:
            return None if value is None else write(value)

        return written

    def _present(self, declared: GraphQLOutputType, details: list[FieldDetails]) -> Write:
        if isinstance(declared, GraphQLList):
            return _list(self.written(declared.of_type, details))
        if isinstance(declared, GraphQLObjectType):
            return self._object(declared, details)
        if is_leaf_type(declared):
            return _leaf(declared.coerce_output_value)
        raise _NotCompilable

    def _object(self, declared: GraphQLObjectType, details: list[FieldDetails]) -> Write:
        bound = self._bound
        collected = collect_subfields(
            bound.schema, bound.fragments, bound.variable_values, bound.operation, declared, details
        )
        if collected.new_defer_usages:
            raise _NotCompilable
        members: list[_FieldWriter] = []
        for name, same in collected.grouped_field_set.items():
            selected = same[0].node.name.value
            if selected == "__typename":
                members.append(_FieldWriter(name, "", lambda _value: declared.name))
                continue
            field = declared.fields[selected]
            if not isinstance(field.resolve, ItemLookUp):
                raise _NotCompilable
            write = field.resolve.writer(self.written(field.type, same))
            members.append(_FieldWriter(name, field.resolve.key, write))
        return _object(tuple(members))


def _object(members: tuple[_FieldWriter, ...]) -> Write:
    def write(source: Any) -> dict[str, Any]:
        get = source.get
        return {name: write(get(key)) for name, key, write in members}

    return write


def _list(write: Write) -> Write:
    def written(values: Any) -> list[Any]:
        if type(values) is not list and type(values) is not tuple:
            raise _NotCompilable
        return [write(value) for value in values]

    return written


def _leaf(coerce: Callable[[Any], Any]) -> Write:
    def write(value: Any) -> Any:
        written = None if value is None else coerce(value)
        if written is None or written is Undefined:
            raise _NotCompilable
        return written

    return write

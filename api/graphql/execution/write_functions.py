"""The functions of which writers of values are composed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import CoroutineType
from typing import Any, NamedTuple

from graphql import GraphQLID, GraphQLOutputType, GraphQLString, Undefined, get_nullable_type

from api.execution_metrics import CoreReason
from api.graphql.execution.batched_fields import BatchedField
from api.limits.byte_budget import ByteBudget

Write = Callable[[Any, ByteBudget, Any], Any]
"""Returns what a response has of a value; the last argument is the context of the request.

Of an object's field the value is the object. It raises any exception where graphql-core has to write the
value: what was spent of the budget must be given back then.
"""


class NotCompilable(Exception):
    """Only graphql-core can write this, because of the `reason`."""

    def __init__(self, reason: CoreReason = CoreReason.VALUE) -> None:
        super().__init__(reason)
        self.reason = reason


class FieldWriter(NamedTuple):
    """The writer of a field: it gets the item `key` of the object, or the object itself without a key.

    With `is_text` the response has the item as it is, if it is a text. A `batched` field is written as null,
    until its value is there.
    """

    key: str | None
    write: Write
    is_text: bool = False
    batched: BatchedField | None = None

    def from_object(self) -> Write:
        """Return the writer that gets the object."""
        return self.write if self.key is None else item_writer(self.key, self.write)


def object_writer(fields: Sequence[tuple[str, FieldWriter]]) -> Write:
    """Return the writer of objects with these fields by their names in the response."""
    write = _items_writer(fields)
    batched = [field.batched for _, field in fields if field.batched is not None]
    if not batched:
        return write

    def write_object(source: Any, budget: ByteBudget, context: Any) -> dict[str, Any]:
        data: dict[str, Any] = write(source, budget, context)
        for field in batched:
            context.pending_values.write(field, data, source, budget, context)
        return data

    return write_object


def _items_writer(fields: Sequence[tuple[str, FieldWriter]]) -> Write:
    """Return the writer of all fields, with null in place of those that are batched."""
    names = sum(len(name) for name, _ in fields)
    if all(field.key is None for _, field in fields):
        return _direct_object_writer(tuple((name, field.write) for name, field in fields))
    items = tuple((name, field.key, field.write, field.is_text) for name, field in fields)

    def write_items(source: Any, budget: ByteBudget, context: Any) -> dict[str, Any]:
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

    return write_items


def _direct_object_writer(fields: Sequence[tuple[str, Write]]) -> Write:
    """Return the writer of objects that need not be mappings."""

    def write_direct_object(source: Any, budget: ByteBudget, context: Any) -> dict[str, Any]:
        # Fields like `__typename` read nothing of the source. graphql-core raises a source that is an error.
        if source is None or isinstance(source, Exception):
            raise NotCompilable
        return {name: write(source, budget, context) for name, write in fields}

    return write_direct_object


def refusing_writer(reason: CoreReason) -> Write:
    """Return the writer that leaves each value to graphql-core."""

    def refuse_value(_value: Any, _budget: ByteBudget, _context: Any) -> Any:
        raise NotCompilable(reason)

    return refuse_value


def constant_writer(value: str | None) -> Write:
    """Return the writer of the same value for each object."""
    return lambda _value, _budget, _context: value


def item_writer(key: str, write: Write) -> Write:
    """Return the writer of an item of the object."""
    return lambda source, budget, context: write(source.get(key), budget, context)


def changed_item_writer(key: str, change: Callable[[Any], Any], write: Write) -> Write:
    """Return the writer of what `change` makes of an item of the object."""
    return lambda source, budget, context: write(change(source.get(key)), budget, context)


def is_text(declared: GraphQLOutputType) -> bool:
    """Return whether texts stand for themselves in a response, as most leaves do."""
    inner: Any = get_nullable_type(declared)
    return inner is GraphQLString or inner is GraphQLID


def reading_writer(read: Callable[[Any, Any], Any], write: Write) -> Write:
    """Return the writer of what `read` makes of the object and the context of the request."""

    def write_result(source: Any, budget: ByteBudget, context: Any) -> Any:
        value = read(source, context)
        if value.__class__ is CoroutineType:
            value.close()
            raise NotCompilable(CoreReason.RESOLVER)
        return write(value, budget, context)

    return write_result


def nullable_writer(write: Write) -> Write:
    """Return the writer of values that may be null."""
    return lambda value, budget, context: None if value is None else write(value, budget, context)


def list_writer(write: Write) -> Write:
    """Return the writer of lists of these values."""

    def write_list(values: Any, budget: ByteBudget, context: Any) -> list[Any]:
        if type(values) is not list and type(values) is not tuple:
            raise NotCompilable
        return [write(value, budget, context) for value in values]

    return write_list


def leaf_writer(coerce: Callable[[Any], Any], *, nullable: bool) -> Write:
    """Return the writer of values of a scalar or an enum."""

    def write_leaf(value: Any, budget: ByteBudget, _context: Any) -> Any:
        if value is None and nullable:
            return None
        leaf = None if value is None else coerce(value)
        if leaf is None or leaf is Undefined:
            raise NotCompilable
        budget.spend("", leaf)
        return leaf

    return write_leaf

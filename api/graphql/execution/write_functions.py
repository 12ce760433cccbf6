"""The functions of which writers of values are composed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import CoroutineType
from typing import Any, NamedTuple

from graphql import Undefined

from api.execution_metrics import CoreReason
from api.graphql.execution.batched_fields import BatchedField
from api.graphql.execution.leaf_forms import LeafForm
from api.graphql.execution.object_writers import FieldShape, Write, generate_writer
from api.limits.byte_budget import ByteBudget


class NotCompilable(Exception):
    """Only graphql-core can write this, because of the `reason`."""

    def __init__(self, reason: CoreReason = CoreReason.VALUE) -> None:
        super().__init__(reason)
        self.reason = reason


class FieldWriter(NamedTuple):
    """The writer of a field: it gets the item `key` of the object, or the object itself without a key.

    Items of the `form` are written without it. A `batched` field is written as null until its value is there.
    """

    key: str | None
    write: Write
    form: LeafForm = LeafForm.OTHER
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
    if all(field.key is None for _, field in fields):
        return _direct_object_writer(tuple((name, field.write) for name, field in fields))
    shapes = [FieldShape(name, field.key, field.form) for name, field in fields]
    return generate_writer(shapes, [field.write for _, field in fields])


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

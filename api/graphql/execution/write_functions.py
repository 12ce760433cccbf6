"""The functions of which writers of values are composed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import CoroutineType
from typing import Any, NamedTuple

from graphql import Undefined

from api.execution_metrics import CoreReason
from api.graphql.execution.batched_fields import BatchedField
from api.graphql.execution.leaf_forms import LeafForm
from api.graphql.execution.object_writers import FieldCode, FieldShape, Write, generate_writer
from api.limits.byte_budget import ByteBudget


class NotCompilable(Exception):
    """Only graphql-core can write this, because of the `reason`."""

    def __init__(self, reason: CoreReason = CoreReason.VALUE) -> None:
        super().__init__(reason)
        self.reason = reason


class ValueWriter(NamedTuple):
    """The writer of values of a type.

    If the values are objects, or lists of them, `members` are the fields of these. `write_item` is the writer
    of a list's items.
    """

    write: Write
    members: Sequence[FieldCode] = ()
    write_item: Write | None = None


class FieldWriter(NamedTuple):
    """The writer of a field's values, and where these come from.

    That is the item `key` of the object, or what `read` makes of the object and the context of the request.
    With neither, the writer gets the object itself. Values of the `form` are written without it. A `batched`
    field is written as null until its value is there.
    """

    key: str | None
    value: ValueWriter
    form: LeafForm = LeafForm.OTHER
    is_nullable: bool = False
    read: Callable[[Any, Any], Any] | None = None
    names: Mapping[str, str] | None = None
    batched: BatchedField | None = None

    def from_object(self) -> Write:
        """Return the writer that gets the object."""
        if self.key is not None:
            return item_writer(self.key, self.value.write)
        return self.value.write if self.read is None else reading_writer(self.read, self.value.write)

    def code(self, name: str) -> FieldCode:
        """Return the field, under its name in the response, for the code of its object."""
        write, members, write_item = self.value
        if self.key is None and self.read is None:
            members = ()
        shape = FieldShape(
            name,
            self.key,
            self.read is not None,
            self.form,
            self.is_nullable,
            write_item is not None,
            self.batched is not None,
            tuple(member.shape for member in members),
        )
        return FieldCode(shape, write, write_item, self.read, self.names, self.batched, members)


def object_writer(fields: Sequence[FieldCode]) -> Write:
    """Return the writer of objects with these fields. It is generated when the first object needs it."""
    generated: list[Write] = []

    def write_object(source: Any, budget: ByteBudget, context: Any) -> Any:
        if not generated:
            generated.append(generate_writer(fields))
        return generated[0](source, budget, context)

    return write_object


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
    return lambda source, budget, context: write(read(source, context), budget, context)


def present_writer(write: Write) -> Write:
    """Return the writer of values that may be coroutines, which are left to graphql-core."""

    def write_value(value: Any, budget: ByteBudget, context: Any) -> Any:
        if value.__class__ is CoroutineType:
            value.close()
            raise NotCompilable(CoreReason.RESOLVER)
        return write(value, budget, context)

    return write_value


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

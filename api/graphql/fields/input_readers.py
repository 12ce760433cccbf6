"""Readers of GraphQL inputs, which return values that pydantic takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from api.graphql.input_types import constant_of, member_name
from domain.kernel.errors import UnfitValue
from domain.kernel.names import client_name
from domain.kernel.types.annotations import (
    FieldType,
    ListOf,
    MapOf,
    OneOf,
    OptionalOf,
    RecordOf,
    TupleOf,
    choices_of,
)
from domain.kernel.types.json_reading import json_reader
from domain.kernel.types.value_structure import convert_items, optional

Read = Callable[[Any], Any]


@cache
def input_reader(declared: FieldType) -> Read | None:
    """Return the function from a value of an input field to pydantic's; None where both are equal.

    The function raises UnfitValue, with the path in the names of clients, for JSON that is not of the type.
    """
    match declared:
        case OptionalOf(inner):
            return optional(input_reader(inner))
        case ListOf(item, _):
            return _list(input_reader(item))
        case TupleOf(items) if len(set(items)) == 1:
            return _list(input_reader(items[0]))
        case TupleOf() | MapOf():
            return json_reader(declared, client_name)
        case RecordOf():
            return _InputRecordReader(declared) if _is_read(declared, frozenset()) else None
        case OneOf():
            return _one_of(declared)
    return None


def _is_read(declared: FieldType, seen: frozenset[type]) -> bool:
    """Return whether a type needs a reader. A record may contain itself."""
    match declared:
        case RecordOf(python, fields):
            return python not in seen and any(
                constant_of(field.type) is not None or _is_read(field.type, seen | {python})
                for field in fields.values()
            )
        case OptionalOf(inner) | ListOf(inner, _):
            return _is_read(inner, seen)
        case TupleOf(items) if len(set(items)) == 1:
            return _is_read(items[0], seen)
    return isinstance(declared, TupleOf | MapOf | OneOf)


class _InputRecordReader:
    """Reads the fields of a record, and adds its constants, which clients omit."""

    def __init__(self, record: RecordOf) -> None:
        self._record = record
        self._readers: dict[str, Read] | None = None
        fields = record.fields.items()
        self._constants = {
            name: constant for name, field in fields if (constant := constant_of(field.type)) is not None
        }

    def __call__(self, values: Mapping[str, Any]) -> dict[str, Any]:
        if self._readers is None:
            self._readers = self._compile()
        read = {**self._constants, **values}
        for name, reader in self._readers.items():
            if read.get(name) is not None:
                try:
                    read[name] = reader(read[name])
                except UnfitValue as error:
                    raise error.at(name) from None
        return read

    def _compile(self) -> dict[str, Read]:
        readers = ((name, input_reader(field.type)) for name, field in self._record.fields.items())
        return {name: reader for name, reader in readers if reader is not None}


def _one_of(union: OneOf) -> Read:
    readers = {member_name(member): input_reader(member) for member in union.members}
    choices = {
        member_name(member): choices_of(member.fields[union.discriminator].type) for member in union.members
    }

    def read(value: Mapping[str, Any]) -> Any:
        [(name, inner)] = value.items()
        reader = readers[name]
        try:
            value = inner if reader is None else reader(inner)
            if value[union.discriminator] not in choices[name]:
                expected = ", ".join(map(repr, choices[name]))
                raise UnfitValue(f"expected one of {expected}", (union.discriminator,))
        except UnfitValue as error:
            raise error.at(name) from None
        return value

    return read


def _list(read: Read | None) -> Read | None:
    return None if read is None else lambda values: convert_items(read, values)

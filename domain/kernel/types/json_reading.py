"""Values of declared types from JSON: the inverse of `domain.kernel.types.json_values`. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from domain.kernel.errors import DataKey, UnfitValue
from domain.kernel.rfc3339 import read_moment
from domain.kernel.types.annotations import (
    FieldType,
    Kind,
    ListOf,
    MapOf,
    OneOf,
    OptionalOf,
    RecordOf,
    Scalar,
    TupleOf,
)
from domain.kernel.types.json_values import Rename
from domain.kernel.types.text_forms import (
    read_bytes,
    read_date,
    read_decimal,
    read_duration,
    read_time,
    read_uuid,
)
from domain.kernel.types.value_structure import convert_entries, convert_items, convert_places, optional

Read = Callable[[Any], Any]

_READERS: Mapping[Kind, Read] = {
    Kind.DECIMAL: read_decimal,
    Kind.DATETIME: read_moment,
    Kind.DATE: read_date,
    Kind.TIME: read_time,
    Kind.DURATION: read_duration,
    Kind.UUID: read_uuid,
    Kind.BYTES: read_bytes,
}


@cache
def json_reader(type: FieldType, rename: Rename | None = None) -> Read | None:
    """Return the function from JSON to the input of pydantic for the type; None if they are the same.

    It reads texts of values without a JSON type, and names of fields that `rename` has converted. It leaves
    all other checks to pydantic. It raises UnfitValue, with the path in the names of the JSON.
    """
    match type:
        case Scalar(kind, _, _):
            return _scalar(kind)
        case OptionalOf(inner):
            return optional(json_reader(inner, rename))
        case ListOf(item, _):
            return _list(json_reader(item, rename))
        case TupleOf(items):
            return _places([json_reader(item, rename) for item in items])
        case MapOf(_, value):
            return _map(json_reader(value, rename))
        case RecordOf():
            return _RecordReader(type, rename)
        case OneOf():
            return _one_of(type, rename)


def _scalar(kind: Kind) -> Read | None:
    read = _READERS.get(kind)
    if read is None:
        return None

    def converted(value: Any) -> Any:
        try:
            return read(value)
        except ValueError as error:
            raise UnfitValue(str(error)) from None

    return converted


class _RecordReader:
    """Reads objects of one record, which may contain objects of the same record."""

    def __init__(self, record: RecordOf, rename: Rename | None) -> None:
        self._record = record
        self._rename = rename
        self._fields: dict[str, tuple[str, Read | None]] = {}

    def __call__(self, value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise UnfitValue("expected an object")
        fields = self._fields or self._compile()
        values: dict[str, Any] = {}
        for name, item in value.items():
            if name not in fields:
                raise UnfitValue("there is no such field", (DataKey(name),))
            field, read = fields[name]
            values[field] = item if read is None or item is None else _at(name, read, item)
        return values

    def _compile(self) -> dict[str, tuple[str, Read | None]]:
        rename = self._rename or str
        self._fields = {
            rename(name): (name, json_reader(field.type, self._rename))
            for name, field in self._record.fields.items()
        }
        return self._fields


def _one_of(union: OneOf, rename: Rename | None) -> Read:
    readers = {value: _RecordReader(member, rename) for value, member in union.by_value.items()}
    name = (rename or str)(union.discriminator)

    def read(value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise UnfitValue("expected an object")
        kind = value.get(name)
        if not isinstance(kind, str | int) or kind not in readers:
            raise UnfitValue(f"expected one of {', '.join(map(repr, readers))}", (DataKey(name),))
        return readers[kind](value)

    return read


def _list(read: Read | None) -> Read | None:
    return None if read is None else lambda values: convert_items(read, _array(values))


def _places(readers: list[Read | None]) -> Read | None:
    return _each_place(readers) if any(readers) else None


def _each_place(readers: list[Read | None]) -> Read:
    def read(values: Any) -> list[Any]:
        if len(_array(values)) != len(readers):
            raise UnfitValue(f"expected a list of {len(readers)} values")
        return convert_places(readers, values, list)

    return read


def _map(read: Read | None) -> Read | None:
    if read is None:
        return None

    def entries(value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise UnfitValue("expected an object")
        return convert_entries(None, read, value)

    return entries


def _array(values: Any) -> list[Any]:
    if not isinstance(values, list):
        raise UnfitValue("expected a list")
    return values


def _at(name: str, read: Read, value: Any) -> Any:
    try:
        return read(value)
    except UnfitValue as error:
        raise error.at(DataKey(name)) from None

"""Stored values as JSON, for exports, `Event.data` and fields of the type JSON. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from domain.kernel.rfc3339 import write_moment
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
    inner_types,
)
from domain.kernel.types.text_forms import write_bytes, write_decimal, write_duration
from domain.kernel.types.value_structure import optional

Write = Callable[[Any], Any]
Rename = Callable[[str], str]

_WRITERS: Mapping[Kind, Write] = {
    Kind.DECIMAL: write_decimal,
    Kind.DATETIME: write_moment,
    Kind.DURATION: write_duration,
    Kind.BYTES: write_bytes,
}


@cache
def json_writer(type: FieldType, rename: Rename | None = None) -> Write | None:
    """Return the function from a stored value to JSON; None if they are the same.

    `rename` converts the names of fields of records; keys of dicts and JSON values are unchanged. The
    function does not check that a value is of the type.
    """
    match type:
        case Scalar(kind, _, _):
            return _WRITERS.get(kind)
        case OptionalOf(inner):
            return optional(json_writer(inner, rename))
        case ListOf(item, _):
            return _list(json_writer(item, rename))
        case TupleOf(items):
            return _places([json_writer(item, rename) for item in items])
        case MapOf(_, value):
            return _map(json_writer(value, rename))
        case RecordOf():
            return _RecordWriter(type, rename) if rename or _is_written(type, frozenset()) else None
        case OneOf():
            return _one_of(type, rename)


def _is_written(type: FieldType, seen: frozenset[Any]) -> bool:
    """Return whether a part of the type has another form in JSON; a record may be recursive."""
    match type:
        case Scalar(kind, _, _):
            return kind in _WRITERS
        case RecordOf(python, fields):
            return python not in seen and any(
                _is_written(field.type, seen | {python}) for field in fields.values()
            )
    return any(_is_written(inner, seen) for inner in inner_types(type))


class _RecordWriter:
    """Writes documents of one record, which may contain documents of the same record."""

    def __init__(self, record: RecordOf, rename: Rename | None) -> None:
        self._record = record
        self._rename = rename
        self._fields: dict[str, tuple[str, Write | None]] = {}

    def __call__(self, stored: Mapping[str, Any]) -> dict[str, Any]:
        fields = self._fields or self._compile()
        written: dict[str, Any] = {}
        for key, value in stored.items():
            name, write = fields.get(key, (key, None))
            written[name] = value if write is None or value is None else write(value)
        return written

    def _compile(self) -> dict[str, tuple[str, Write | None]]:
        rename = self._rename or str
        self._fields = {
            name: (rename(name), json_writer(field.type, self._rename))
            for name, field in self._record.fields.items()
        }
        return self._fields


def _one_of(union: OneOf, rename: Rename | None) -> Write | None:
    if not (rename or _is_written(union, frozenset())):
        return None
    writers = {value: _RecordWriter(member, rename) for value, member in union.by_value.items()}
    return lambda stored: writers[stored[union.discriminator]](stored)


def _list(write: Write | None) -> Write | None:
    return None if write is None else lambda values: [write(value) for value in values]


def _places(writers: list[Write | None]) -> Write | None:
    if not any(writers):
        return None
    return lambda values: [
        value if write is None else write(value) for write, value in zip(writers, values, strict=True)
    ]


def _map(write: Write | None) -> Write | None:
    return None if write is None else lambda values: {key: write(value) for key, value in values.items()}

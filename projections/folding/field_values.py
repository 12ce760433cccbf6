"""Conversions of the values in a row between what folds return, what folds receive, and what is stored.

Each conversion is compiled once for a type. Dicts in a list that were checked before are recognized by their
class, so that a list which grows by one item is not checked as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from math import isfinite
from operator import attrgetter
from typing import Any

from pydantic import BaseModel
from typing_extensions import is_typeddict

from domain.kernel.errors import UnfitValue
from domain.kernel.fields import MAX_JSON_DEPTH
from domain.kernel.types.annotations import (
    FieldType,
    Kind,
    ListOf,
    MapOf,
    OptionalOf,
    RecordOf,
    Scalar,
    inner_types,
)
from domain.kernel.types.stored_scalars import INT64_MAX, INT64_MIN, encode_json, encode_text
from domain.kernel.types.stored_values import decoder, encoder
from projections.folding.read_only import CheckedDict, ReadOnlyDict, ReadOnlyList, read_only

Convert = Callable[[Any], Any]


@cache
def check(type: FieldType) -> Convert:
    """Return the conversion from what a fold returned to what later folds receive.

    The conversion raises UnfitValue for a value of another type.
    """
    match type:
        case Scalar(Kind.JSON):
            return _check_json
        case OptionalOf(inner):
            checked = check(inner)
            return lambda value: None if value is None else checked(value)
        case ListOf(item, container) if container is list and _is_flat(item):
            return _check_flat_list(type)
        case ListOf(RecordOf() as record, container) if container is list and _is_shared_dict(record):
            return _check_records(record)
        case MapOf(key, value) if key.choices is None and _is_flat(value):
            return _check_flat_map(type)
    return _check_any(type)


@cache
def read(type: FieldType) -> Convert | None:
    """Return the conversion from what is stored to what folds receive; None if both are the same.

    The conversion raises UnfitValue.
    """
    match type:
        case Scalar(Kind.JSON):
            return _read_json
        case Scalar():
            return decoder(type)
        case OptionalOf(inner):
            reading = read(inner)
            return None if reading is None else lambda stored: None if stored is None else reading(stored)
        case ListOf(RecordOf() as record, container) if container is list and _is_shared_dict(record):
            return _read_records(record)
    decode = decoder(type)
    return read_only if decode is None else lambda stored: read_only(decode(stored))


@cache
def write(type: FieldType) -> Convert | None:
    """Return the conversion from what folds receive to what is stored; None if BSON encodes both alike."""
    if _is_stored_as_is(type):
        return None
    match type:
        case Scalar(_, python, choices) if choices is not None and issubclass(python, Enum):
            # Hashing a member, to look its value up, takes longer.
            return attrgetter("_value_")
        case OptionalOf(inner):
            writing = write(inner)
            return None if writing is None else lambda value: None if value is None else writing(value)
        case ListOf(RecordOf() as record, container) if container is list and _is_shared_dict(record):
            return lambda value: [item.stored for item in value]
    return encoder(type)


@cache
def can_change(type: FieldType) -> bool:
    """Return whether values of the type can be changed in place although their containers are read-only.

    They can if they contain models or dataclasses that are not frozen, or frozen ones with mutable content.
    """
    seen: set[int] = set()

    def has_mutable_part(type: FieldType) -> bool:
        if not isinstance(type, RecordOf):
            return any(map(has_mutable_part, inner_types(type)))
        if id(type) in seen:
            return False
        seen.add(id(type))
        fields = [field.type for field in type.fields.values()]
        if is_typeddict(type.python):
            return any(map(has_mutable_part, fields))
        if not _is_frozen(type.python) or any(map(_has_container, fields)):
            return True
        return any(map(has_mutable_part, fields))

    return has_mutable_part(type)


def _is_frozen(python: Any) -> bool:
    if issubclass(python, BaseModel):
        return bool(python.model_config.get("frozen"))
    parameters: Any = getattr(python, "__dataclass_params__", None)
    return issubclass(python, tuple) if parameters is None else bool(parameters.frozen)


def _has_container(type: FieldType) -> bool:
    if isinstance(type, ListOf):
        return type.container in (list, set) or _has_container(type.item)
    if isinstance(type, Scalar):
        return type.kind is Kind.JSON
    return isinstance(type, MapOf) or any(map(_has_container, inner_types(type)))


def _is_shared_dict(record: RecordOf) -> bool:
    """Return whether values are dicts that the rows before and after an event can share."""
    return is_typeddict(record.python) and not can_change(record)


def _is_stored_as_is(type: FieldType) -> bool:
    """Return whether BSON encodes the checked value and its stored form alike."""
    if isinstance(type, Scalar):
        return type.kind is Kind.JSON or decoder(type) is None
    if isinstance(type, ListOf):
        return type.container is list and _is_stored_as_is(type.item)
    if isinstance(type, MapOf):
        return type.key.choices is None and _is_stored_as_is(type.value)
    return isinstance(type, OptionalOf) and _is_stored_as_is(type.inner)


def _check_any(type: FieldType) -> Convert:
    encode, reading = encoder(type), read(type)
    assert encode is not None
    return encode if reading is None else lambda value: reading(encode(value))


_JSON = "json"
"""The `checked` mark of dicts that were checked as JSON."""


def _check_json(value: Any) -> Any:
    if type(value) is CheckedDict and value.checked is _JSON:
        return value
    checked = _checked_json(value, 0)
    if isinstance(checked, dict):
        checked = CheckedDict(checked)
        checked.checked, checked.stored = _JSON, checked
    return checked


def _checked_json(value: Any, depth: int) -> Any:
    """Return the JSON value, read-only; `encode_json` handles numbers and the keys of objects."""
    if depth > MAX_JSON_DEPTH:
        raise UnfitValue(f"must not be nested more than {MAX_JSON_DEPTH} deep")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return encode_text(value)
    if isinstance(value, int | float):
        return encode_json(value)
    if isinstance(value, list | tuple):
        return ReadOnlyList([_checked_json(item, depth + 1) for item in value])
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        encode_json(dict.fromkeys(value))
        return ReadOnlyDict({key: _checked_json(item, depth + 1) for key, item in value.items()})
    raise UnfitValue(f"expected a JSON value, not a value of class {type(value).__name__}")


def _read_json(stored: Any) -> Any:
    if type(stored) is not dict:
        return read_only(stored)
    value = CheckedDict({key: read_only(item) for key, item in stored.items()})
    value.checked, value.stored = _JSON, stored
    return value


def _in_range(values: Any) -> bool:
    return not values or (min(values) >= INT64_MIN and max(values) <= INT64_MAX)


_FLAT: Mapping[Kind, tuple[type, Callable[[Any], bool]]] = {
    Kind.TEXT: (str, lambda values: all(map(str.isascii, values))),
    Kind.BOOLEAN: (bool, lambda values: True),
    Kind.INTEGER: (int, _in_range),
    Kind.NUMBER: (float, lambda values: all(map(isfinite, values))),
}
"""For each kind the class of its values, and a test whether all of many values are stored unchanged."""


def _is_flat(type: FieldType) -> bool:
    return isinstance(type, Scalar) and type.choices is None and type.kind in _FLAT


def _are_flat(kind: Kind, values: Any) -> bool:
    """Return whether all values have the class of the kind and are stored unchanged."""
    # Without a Python call for each value.
    python, fit = _FLAT[kind]
    return set(map(type, values)) <= {python} and fit(values)


def _check_flat_list(type: ListOf) -> Convert:
    assert isinstance(type.item, Scalar)
    kind, slow = type.item.kind, _check_any(type)

    def checked(value: Any) -> Any:
        return ReadOnlyList(value) if isinstance(value, list) and _are_flat(kind, value) else slow(value)

    return checked


def _check_flat_map(type: MapOf) -> Convert:
    assert isinstance(type.value, Scalar)
    kind, slow = type.value.kind, _check_any(type)

    def checked(value: Any) -> Any:
        if not isinstance(value, dict) or not _are_flat(Kind.TEXT, value.keys()):
            return slow(value)
        if not _are_flat(kind, value.values()) or "$ref" in value or "\0" in "".join(value):
            return slow(value)
        return ReadOnlyDict(value)

    return checked


def _check_records(record: RecordOf) -> Convert:
    encode, reading = encoder(record), _read_record(record)
    assert encode is not None

    def checked(value: Any) -> Any:
        if not isinstance(value, list):
            raise UnfitValue(f"expected a list, not a value of class {value.__class__.__name__}")
        items: list[CheckedDict] = []
        for item in value:
            if item.__class__ is not CheckedDict or item.checked is not record:
                try:
                    item = reading(encode(item))
                except UnfitValue as error:
                    raise error.at(len(items)) from None
            items.append(item)
        return ReadOnlyList(items)

    return checked


def _read_records(record: RecordOf) -> Convert:
    reading = _read_record(record)
    return lambda stored: ReadOnlyList(map(reading, stored))


def _read_record(record: RecordOf) -> Callable[[Mapping[str, Any]], CheckedDict]:
    readers: list[tuple[str, Convert]] | None = None

    def read_record(stored: Mapping[str, Any]) -> CheckedDict:
        nonlocal readers
        if readers is None:
            # Deferred to the first value, because a record's fields can refer to the record itself.
            fields = record.fields.items()
            readers = [(name, reading) for name, field in fields if (reading := read(field.type))]
        item = CheckedDict(stored)
        for name, reading in readers:
            if name in stored:
                dict.__setitem__(item, name, reading(stored[name]))
        item.checked, item.stored = record, stored
        return item

    return read_record

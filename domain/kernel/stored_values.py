"""Values of declared types as BSON stores them, and back; compiled once for each type.

    encoder(type)(value)    Python to BSON. Raises UnfitValue for what is of another type or cannot be stored.
    decoder(type)(stored)   BSON to Python. Raises UnfitValue where what is stored is not of the type.

Both are None where there is nothing to do: the value is its own stored form. What an encoder has made, its
decoder makes equal to what it was. A decoder passes on values that are in their Python form already, so what
an upcaster returns may hold both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from operator import itemgetter
from typing import Any

import bson

from domain.kernel.errors import UnfitValue
from domain.kernel.field_types import (
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
from domain.kernel.stored_records import RecordDecoder, RecordEncoder
from domain.kernel.stored_scalars import Convert, scalar_decoder, scalar_encoder


@cache
def encoder(type: FieldType, *, validated: bool = False) -> Convert | None:
    """The function from a Python value to what is stored.

    Without `validated` it checks the whole value, and is never None. With it, it trusts what pydantic has
    checked of the field of a model, and is None where nothing is left to do.
    """
    match type:
        case Scalar():
            return scalar_encoder(type, validated=validated)
        case OptionalOf(inner):
            return _optional(encoder(inner, validated=validated))
        case ListOf():
            return _list_encoder(type, validated=validated)
        case TupleOf(items):
            return _tuple_encoder([encoder(item, validated=validated) for item in items])
        case MapOf():
            return _map_encoder(type, validated=validated)
        case RecordOf():
            return RecordEncoder(type, encoder)
        case OneOf():
            return _one_of_encoder(type)


@cache
def decoder(type: FieldType) -> Convert | None:
    """The function from what is stored to the Python value; None where they are the same."""
    match type:
        case Scalar():
            return scalar_decoder(type)
        case OptionalOf(inner):
            return _optional(decoder(inner))
        case ListOf():
            return _list_decoder(type)
        case TupleOf(items):
            return _tuple_decoder([decoder(item) for item in items])
        case MapOf():
            return _map_decoder(type)
        case RecordOf():
            return RecordDecoder(type, decoder)
        case OneOf():
            return _one_of_decoder(type)


def _optional(convert: Convert | None) -> Convert | None:
    return None if convert is None else lambda value: None if value is None else convert(value)


def _each(convert: Convert, items: Iterable[Any]) -> list[Any]:
    """The items converted; an error says which one."""
    converted: list[Any] = []
    try:
        for item in items:
            converted.append(convert(item))
    except UnfitValue as error:
        raise error.at(len(converted)) from None
    return converted


def _list_encoder(type: ListOf, *, validated: bool) -> Convert | None:
    convert = encoder(type.item, validated=validated)
    container: Any = type.container
    if container in (set, frozenset):
        return _set_encoder(convert, container, natural=_has_natural_order(type.item))
    if validated:
        return None if convert is None else lambda value: _each(convert, value)

    def encode(value: Any) -> list[Any]:
        if not isinstance(value, container):
            raise UnfitValue(f"expected a {container.__name__}, not a value of class {_class_name(value)}")
        return value if convert is None else _each(convert, value)

    return encode


def _has_natural_order(item: FieldType) -> bool:
    return isinstance(item, Scalar) and item.kind in (Kind.TEXT, Kind.INTEGER)


def _set_encoder(convert: Convert | None, container: Any, *, natural: bool) -> Convert:
    """Equal sets become equal arrays: sorted, by their bytes where they have no natural order."""
    key = None if natural else _in_bytes

    def encode(value: Any) -> list[Any]:
        if not isinstance(value, container):
            raise UnfitValue(f"expected a {container.__name__}, not a value of class {_class_name(value)}")
        items = list(value) if convert is None else [convert(item) for item in value]
        items.sort(key=key)
        return items

    return encode


def _in_bytes(item: Any) -> bytes:
    encoded: bytes = bson.encode({"": item})
    return encoded


def _list_decoder(type: ListOf) -> Convert | None:
    convert = decoder(type.item)
    container: Any = type.container
    if container is list and convert is None:
        return None

    def decode(value: Any) -> Any:
        _check_array(value)
        items = value if convert is None else _each(convert, value)
        return items if container is list else container(items)

    return decode


def _check_array(value: Any) -> None:
    if not isinstance(value, list | tuple | set | frozenset):
        raise UnfitValue(f"what is stored is no array, but of class {_class_name(value)}")


def _tuple_encoder(converts: list[Convert | None]) -> Convert | None:
    if not any(converts):
        return None
    return lambda value: _places(converts, value, tuple)


def _tuple_decoder(converts: list[Convert | None]) -> Convert:
    return lambda value: tuple(_places(converts, value, (list, tuple)))


def _places(converts: list[Convert | None], value: Any, container: Any) -> list[Any]:
    if not isinstance(value, container) or len(value) != len(converts):
        raise UnfitValue(
            f"expected a tuple of {len(converts)} items, not a value of class {_class_name(value)}"
        )
    converted: list[Any] = []
    try:
        for convert, item in zip(converts, value, strict=True):
            converted.append(item if convert is None else convert(item))
    except UnfitValue as error:
        raise error.at(len(converted)) from None
    return converted


def _map_encoder(type: MapOf, *, validated: bool) -> Convert:
    of_key, of_value = encoder(type.key), encoder(type.value, validated=validated)

    def encode(value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise UnfitValue(f"expected a dict, not a value of class {_class_name(value)}")
        document = _entries(of_key, of_value, value)
        _check_keys(document)
        return document

    return encode


def _entries(of_key: Convert | None, of_value: Convert | None, value: Mapping[Any, Any]) -> dict[Any, Any]:
    converted = {}
    for key, item in value.items():
        try:
            name = key if of_key is None else of_key(key)
            converted[name] = item if of_value is None else of_value(item)
        except UnfitValue as error:
            raise error.at(str(getattr(key, "value", key))) from None
    return converted


def _check_keys(document: dict[str, Any]) -> None:
    for key in document:
        if "\0" in key:
            raise UnfitValue("a key must not have a NUL character")
    if "$ref" in document and "$id" in document:
        raise UnfitValue("a dict must not have both $ref and $id as keys, which MongoDB takes for a link")


def _map_decoder(type: MapOf) -> Convert | None:
    of_key, of_value = decoder(type.key), decoder(type.value)
    if of_key is None and of_value is None:
        return None

    def decode(value: Any) -> dict[Any, Any]:
        if not isinstance(value, Mapping):
            raise UnfitValue(f"what is stored is no document, but of class {_class_name(value)}")
        return _entries(of_key, of_value, value)

    return decode


def _one_of_encoder(union: OneOf) -> Convert:
    name = union.discriminator
    by_class = {member.python: RecordEncoder(member, encoder) for member in union.members}
    by_value = {value: by_class[member.python] for value, member in union.by_value.items()}

    def encode(value: Any) -> Any:
        member = by_class.get(type(value))
        if member is None and isinstance(value, Mapping):
            member = by_value.get(value.get(name))
        if member is None:
            members = ", ".join(member.python.__name__ for member in union.members)
            raise UnfitValue(f"expected one of {members}, not a value of class {_class_name(value)}")
        return member(value)

    return encode


def _one_of_decoder(union: OneOf) -> Convert:
    by_value = {value: RecordDecoder(member, decoder) for value, member in union.by_value.items()}
    read_name = itemgetter(union.discriminator)
    classes = tuple(member.python for member in union.members if not issubclass(member.python, dict))

    def decode(value: Any) -> Any:
        if isinstance(value, classes):
            return value
        try:
            member = by_value[read_name(value)]
        except (KeyError, TypeError):
            raise UnfitValue(f"what is stored has no known value of {union.discriminator!r}") from None
        return member(value)

    return decode


def _class_name(value: Any) -> str:
    return type(value).__name__

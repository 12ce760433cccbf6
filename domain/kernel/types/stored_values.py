"""Conversion of values of declared types to BSON and back, compiled once for each type.

    encoder(type)(value)    Python to BSON. Raises UnfitValue for a value of another type, or one that cannot
                            be stored.
    decoder(type)(stored)   BSON to Python. Raises UnfitValue if the stored value is not of the type.

Both are None if the stored form is the Python form. A value that was encoded and decoded equals the original.
A decoder returns values unchanged that have their Python form already, so an upcaster may return both forms.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import bson

from domain.kernel.errors import UnfitValue
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
from domain.kernel.types.record_encoders import RecordEncoder
from domain.kernel.types.refusals import wrong_class
from domain.kernel.types.stored_scalars import scalar_encoder
from domain.kernel.types.value_decoding import decoder
from domain.kernel.types.value_structure import (
    Convert,
    convert_entries,
    convert_items,
    convert_places,
    optional,
)

__all__ = ["Convert", "decoder", "encoder"]


@cache
def encoder(type: FieldType, *, validated: bool = False) -> Convert | None:
    """Return the function from a Python value to its stored form.

    Without `validated` it checks the whole value, and is never None. With it, it relies on the checks of
    pydantic for a field of a model, and is None if nothing is left to do.
    """
    match type:
        case Scalar():
            return scalar_encoder(type, validated=validated)
        case OptionalOf(inner):
            return optional(encoder(inner, validated=validated))
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


def _list_encoder(type: ListOf, *, validated: bool) -> Convert | None:
    convert = encoder(type.item, validated=validated)
    container: Any = type.container
    if container in (set, frozenset):
        return _set_encoder(convert, container, natural=_has_natural_order(type.item))
    if validated:
        return None if convert is None else lambda value: convert_items(convert, value)

    def encode(value: Any) -> list[Any]:
        if not isinstance(value, container):
            raise wrong_class(value, f"a {container.__name__}")
        return value if convert is None else convert_items(convert, value)

    return encode


def _has_natural_order(item: FieldType) -> bool:
    return isinstance(item, Scalar) and item.kind in (Kind.TEXT, Kind.INTEGER)


def _set_encoder(convert: Convert | None, container: Any, *, natural: bool) -> Convert:
    """Encode equal sets as equal arrays: sorted, by their bytes if the items have no natural order."""
    key = None if natural else _in_bytes

    def encode(value: Any) -> list[Any]:
        if not isinstance(value, container):
            raise wrong_class(value, f"a {container.__name__}")
        items = list(value) if convert is None else [convert(item) for item in value]
        items.sort(key=key)
        return items

    return encode


def _in_bytes(item: Any) -> bytes:
    encoded: bytes = bson.encode({"": item})
    return encoded


def _tuple_encoder(converts: list[Convert | None]) -> Convert | None:
    if not any(converts):
        return None
    return lambda value: convert_places(converts, value, tuple)


def _map_encoder(entries: MapOf, *, validated: bool) -> Convert:
    of_key, of_value = encoder(entries.key), encoder(entries.value, validated=validated)

    def encode(value: Any) -> dict[str, Any]:
        if type(value) is not dict and not isinstance(value, Mapping):
            raise wrong_class(value, "a dict")
        document = convert_entries(of_key, of_value, value)
        _check_keys(document)
        return document

    return encode


def _check_keys(document: dict[str, Any]) -> None:
    for key in document:
        if "\0" in key:
            raise UnfitValue("a key must not have a NUL character")
    if "$ref" in document and "$id" in document:
        raise UnfitValue("an object must not have both $ref and $id as keys, which MongoDB takes for a link")


def _one_of_encoder(union: OneOf) -> Convert:
    name = union.discriminator
    by_class = {member.python: encoder(member) for member in union.members}
    by_value = {value: by_class[member.python] for value, member in union.by_value.items()}

    def encode(value: Any) -> Any:
        member = by_class.get(type(value))
        if member is None and isinstance(value, Mapping):
            member = by_value.get(value.get(name))
        if member is None:
            members = ", ".join(member.python.__name__ for member in union.members)
            raise wrong_class(value, f"one of {members}")
        return member(value)

    return encode

"""Decoding of stored values of declared types, compiled once for each type."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from operator import itemgetter
from typing import Any

from domain.kernel.errors import UnfitValue
from domain.kernel.types.annotations import (
    FieldType,
    ListOf,
    MapOf,
    OneOf,
    OptionalOf,
    RecordOf,
    Scalar,
    TupleOf,
)
from domain.kernel.types.refusals import class_name
from domain.kernel.types.stored_records import RecordDecoder
from domain.kernel.types.stored_scalars import scalar_decoder
from domain.kernel.types.value_structure import (
    Convert,
    convert_entries,
    convert_items,
    convert_places,
    optional,
)


@cache
def decoder(type: FieldType, *, whole: bool = True) -> Convert | None:
    """Return the function from a stored value to the Python value; None if they are the same.

    With `whole`, records become instances of their classes, without validation. Without it they become dicts
    of their fields, and sets may become lists, for pydantic to validate.
    """
    match type:
        case Scalar():
            return scalar_decoder(type)
        case OptionalOf(inner):
            return optional(decoder(inner, whole=whole))
        case ListOf():
            return _list(type, whole=whole)
        case TupleOf(items):
            converts = [decoder(item, whole=whole) for item in items]
            return lambda value: tuple(convert_places(converts, value, (list, tuple)))
        case MapOf():
            return _map(type, whole=whole)
        case RecordOf():
            return _record(type, whole=whole)
        case OneOf():
            return _one_of(type, whole=whole)


def _record(record: RecordOf, *, whole: bool) -> RecordDecoder:
    return RecordDecoder(record, lambda inner: decoder(inner, whole=whole), whole=whole)


def _list(type: ListOf, *, whole: bool) -> Convert | None:
    convert = decoder(type.item, whole=whole)
    container: Any = type.container
    if container is list and convert is None:
        return None

    def decode(value: Any) -> Any:
        if not isinstance(value, list | tuple | set | frozenset):
            raise UnfitValue(f"what is stored is no array, but of class {class_name(value)}")
        items = value if convert is None else convert_items(convert, value)
        # Without `whole`, records are dicts, which cannot be in a set; pydantic makes the set.
        return container(items) if whole or container is tuple else items

    return decode


def _map(type: MapOf, *, whole: bool) -> Convert | None:
    of_key, of_value = decoder(type.key), decoder(type.value, whole=whole)
    if of_key is None and of_value is None:
        return None

    def decode(value: Any) -> dict[Any, Any]:
        if not isinstance(value, Mapping):
            raise UnfitValue(f"what is stored is no document, but of class {class_name(value)}")
        return convert_entries(of_key, of_value, value)

    return decode


def _one_of(union: OneOf, *, whole: bool) -> Convert:
    by_value = {value: _record(member, whole=whole) for value, member in union.by_value.items()}
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

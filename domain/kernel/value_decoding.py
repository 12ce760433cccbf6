"""Stored values of declared types as Python values; compiled once for each type and form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from operator import itemgetter
from typing import Any, NamedTuple

from domain.kernel.errors import UnfitValue
from domain.kernel.field_types import FieldType, ListOf, MapOf, OneOf, OptionalOf, RecordOf, Scalar, TupleOf
from domain.kernel.stored_records import RecordDecoder
from domain.kernel.stored_scalars import json_scalar_decoder, scalar_decoder
from domain.kernel.value_structure import (
    Convert,
    class_name,
    convert_entries,
    convert_items,
    convert_places,
    optional,
)


class Form(NamedTuple):
    """What is read, and what of it is made.

    `scalar` reads single values. `whole`: records become instances of their classes; else they become dicts
    of their fields, for pydantic to validate.
    """

    scalar: Callable[[Scalar], Convert | None]
    whole: bool


WHOLE = Form(scalar_decoder, True)
"""From BSON to the declared classes. What is stored was validated, and is not validated again."""

AS_PARTS = Form(scalar_decoder, False)
"""From BSON, or Python values among it, to what pydantic validates."""

JSON_AS_PARTS = Form(json_scalar_decoder, False)
"""From JSON, as exports have it, to what pydantic validates."""


@cache
def decoder(type: FieldType, form: Form = WHOLE) -> Convert | None:
    """The function from what is stored to the Python value; None where they are the same."""
    match type:
        case Scalar():
            return form.scalar(type)
        case OptionalOf(inner):
            return optional(decoder(inner, form))
        case ListOf():
            return _list(type, form)
        case TupleOf(items):
            converts = [decoder(item, form) for item in items]
            return lambda value: tuple(convert_places(converts, value, (list, tuple)))
        case MapOf():
            return _map(type, form)
        case RecordOf():
            return _record(type, form)
        case OneOf():
            return _one_of(type, form)


def _record(record: RecordOf, form: Form) -> RecordDecoder:
    return RecordDecoder(record, lambda inner: decoder(inner, form), whole=form.whole)


def _list(type: ListOf, form: Form) -> Convert | None:
    convert = decoder(type.item, form)
    container: Any = type.container
    if container is list and convert is None:
        return None

    def decode(value: Any) -> Any:
        if not isinstance(value, list | tuple | set | frozenset):
            raise UnfitValue(f"what is stored is no array, but of class {class_name(value)}")
        items = value if convert is None else convert_items(convert, value)
        # The parts of records are dicts, which no set can hold; pydantic makes the set.
        return container(items) if form.whole or container is tuple else items

    return decode


def _map(type: MapOf, form: Form) -> Convert | None:
    of_key, of_value = decoder(type.key, form), decoder(type.value, form)
    if of_key is None and of_value is None:
        return None

    def decode(value: Any) -> dict[Any, Any]:
        if not isinstance(value, Mapping):
            raise UnfitValue(f"what is stored is no document, but of class {class_name(value)}")
        return convert_entries(of_key, of_value, value)

    return decode


def _one_of(union: OneOf, form: Form) -> Convert:
    by_value = {value: _record(member, form) for value, member in union.by_value.items()}
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

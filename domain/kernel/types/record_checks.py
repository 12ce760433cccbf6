"""Checks of the types in contexts and views, made when nerve starts. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from domain.kernel.errors import DeclarationError, UnfitValue
from domain.kernel.types.annotations import ABSENT, RecordOf, inner_types, record_type
from domain.kernel.types.stored_values import encoder


def check_records(*classes: Any) -> None:
    """Check the types of all fields of these classes, and that their defaults are of these types.

    Raises DeclarationError with class, field and an alternative.
    """
    seen: set[RecordOf] = set()
    for python in classes:
        _check_defaults(record_type(python), seen)


def _check_defaults(record: RecordOf, seen: set[RecordOf]) -> None:
    if record in seen:
        return
    seen.add(record)
    for name, field in record.fields.items():
        if field.default is not ABSENT:
            _check_default(f"{record.python.__name__}.{name}", field.type, field.default)
        for inner in _records([field.type]):
            _check_defaults(inner, seen)


def _check_default(place: str, declared: Any, default: Any) -> None:
    encode = encoder(declared)
    if default is None or encode is None:
        return
    try:
        encode(default)
    except UnfitValue as error:
        raise DeclarationError(f"{place} has a default that is not of its type: {error}") from None


def _records(declared: Iterable[Any]) -> Iterable[RecordOf]:
    for each in declared:
        if isinstance(each, RecordOf):
            yield each
        else:
            yield from _records(inner_types(each))

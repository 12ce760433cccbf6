"""Conversions of items of lists, tuples and dicts, shared by encoding and decoding."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from domain.kernel.errors import DataKey, UnfitValue
from domain.kernel.types.refusals import wrong_class

Convert = Callable[[Any], Any]
"""A compiled conversion of values of one type."""


def optional(convert: Convert | None) -> Convert | None:
    """Return the conversion of a value that may be None."""
    return None if convert is None else lambda value: None if value is None else convert(value)


def convert_items(convert: Convert, items: Iterable[Any]) -> list[Any]:
    """Convert the items; an error has the index of the item that does not fit."""
    converted: list[Any] = []
    try:
        for item in items:
            converted.append(convert(item))
    except UnfitValue as error:
        raise error.at(len(converted)) from None
    return converted


def convert_places(converts: Sequence[Convert | None], value: Any, container: Any) -> list[Any]:
    """Convert the items of a tuple of fixed length, each with its own function."""
    if not isinstance(value, container) or len(value) != len(converts):
        raise wrong_class(value, f"a tuple of {len(converts)} items")
    converted: list[Any] = []
    try:
        for convert, item in zip(converts, value, strict=True):
            converted.append(item if convert is None else convert(item))
    except UnfitValue as error:
        raise error.at(len(converted)) from None
    return converted


def convert_entries(
    of_key: Convert | None, of_value: Convert | None, value: Mapping[Any, Any]
) -> dict[Any, Any]:
    """Convert the entries of a dict; an error has the key of the entry that does not fit."""
    converted = {}
    for key, item in value.items():
        try:
            name = key if of_key is None else of_key(key)
            converted[name] = item if of_value is None else of_value(item)
        except UnfitValue as error:
            raise error.at(DataKey(getattr(key, "value", key))) from None
    return converted

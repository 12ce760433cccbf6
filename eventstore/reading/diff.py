"""What changed between two JSON values, and JSON for the states of aggregates. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from difflib import SequenceMatcher
from enum import Enum, StrEnum
from itertools import zip_longest
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from pydantic import BaseModel

from domain.kernel.rfc3339 import write_moment
from domain.kernel.text_forms import write_bytes, write_duration

MISSING: Any = object()
"""In place of an item that one of two lists does not have."""


class Operation(StrEnum):
    """The operations of JSON Patch (RFC 6902) that a difference is told in."""

    ADD = "add"
    REMOVE = "remove"
    REPLACE = "replace"


class Change(NamedTuple):
    """One step from a value to another, with what was there before.

    `path` is a JSON Pointer (RFC 6901); '' is the whole value. `before` of what is added and `after` of what
    is removed are None.
    """

    operation: Operation
    path: str
    before: Any
    after: Any


def diff(before: Any, after: Any) -> list[Change]:
    """The steps from one JSON value to another: a JSON Patch, to be applied one after the other.

    Members of objects are told by name. In lists the longest common runs stay, and what lies between them
    is compared item by item; an index holds when the steps before it are done. Equal numbers are equal
    however they are written (1 and 1.0), and true is not 1.
    """
    return list(_changes(before, after, ""))


def _changes(before: Any, after: Any, path: str) -> Iterator[Change]:
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _members(before, after, path)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _items(before, after, path)
    elif isinstance(before, bool) != isinstance(after, bool) or before != after:
        yield Change(Operation.REPLACE, path, before, after)


def _members(before: Mapping[str, Any], after: Mapping[str, Any], path: str) -> Iterator[Change]:
    for name in dict.fromkeys((*before, *after)):
        yield from _one(before.get(name, MISSING), after.get(name, MISSING), f"{path}/{_escaped(name)}")


def _one(before: Any, after: Any, path: str) -> Iterator[Change]:
    if before is MISSING:
        yield Change(Operation.ADD, path, None, after)
    elif after is MISSING:
        yield Change(Operation.REMOVE, path, before, None)
    else:
        yield from _changes(before, after, path)


def _items(before: Sequence[Any], after: Sequence[Any], path: str) -> Iterator[Change]:
    matcher = SequenceMatcher(None, [*map(_key, before)], [*map(_key, after)], autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag != "equal":
            pairs = zip_longest(before[i1:i2], after[j1:j2], fillvalue=MISSING)
            for place, (old, new) in enumerate(pairs, j1):
                # What is removed leaves its place to the next one.
                yield from _one(old, new, f"{path}/{min(place, j2)}")


def _key(item: Any) -> bytes:
    return orjson.dumps(item, option=orjson.OPT_SORT_KEYS)


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def to_json(value: Any) -> Any:
    """A state as JSON, as docs/types.md has it: the same for equal states, so sets are sorted.

    Fields that begin with an underscore are an aggregate's own and not told.
    """
    match value:
        case None | bool() | float():
            return value
        case Enum():
            return value.value
        case str() | int():
            return value
        case datetime():
            return write_moment(value)
        case date():
            return value.isoformat()
        case time():
            return value.isoformat(timespec="microseconds")
        case timedelta():
            return write_duration(value // timedelta(microseconds=1))
        case Decimal() | UUID():
            return str(value)
        case bytes():
            return write_bytes(value)
        case Mapping():
            return {str(to_json(name)): to_json(item) for name, item in value.items()}
        case AbstractSet():
            return sorted(map(to_json, value), key=_key)
    names = _field_names(value)
    if names is None:
        return [to_json(item) for item in value]
    return {name: to_json(getattr(value, name)) for name in names if not name.startswith("_")}


def _field_names(value: Any) -> Iterable[str] | None:
    """The names of the fields of a record; None for a list or a tuple."""
    if is_dataclass(value) and not isinstance(value, type):
        return [field.name for field in fields(value)]
    if isinstance(value, BaseModel):
        return type(value).model_fields
    names: Iterable[str] | None = getattr(value, "_fields", None)
    return names

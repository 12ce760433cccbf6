"""What changed between two JSON values. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from enum import StrEnum
from itertools import zip_longest
from typing import Any, NamedTuple

import orjson

MISSING: Any = object()
"""In place of an item that one of two lists does not have."""


class Operation(StrEnum):
    """The operations of JSON Patch (RFC 6902) that a difference is told in."""

    ADD = "add"
    REMOVE = "remove"
    REPLACE = "replace"


class ValueChange(NamedTuple):
    """One step from a value to another, with what was there before.

    `path` is a JSON Pointer (RFC 6901); '' is the whole value. `before` of what is added and `after` of what
    is removed are None.
    """

    operation: Operation
    path: str
    before: Any
    after: Any


def diff(before: Any, after: Any) -> list[ValueChange]:
    """The steps from one JSON value to another: a JSON Patch, to be applied one after the other.

    Members of objects are told by name. In lists the longest common runs stay, and what lies between them
    is compared item by item; an index holds when the steps before it are done. Equal numbers are equal
    however they are written (1 and 1.0), and true is not 1.
    """
    return list(_changes(before, after, ""))


def diff_at(before: Any, after: Any, pointer: str) -> list[ValueChange]:
    """The same for the places of the two values at a JSON Pointer; paths begin there.

    Raises ValueError where the pointer is none.
    """
    if pointer and not pointer.startswith("/"):
        raise ValueError(f"{pointer!a} is no JSON Pointer, such as /content")
    old, new = _value_at(before, pointer), _value_at(after, pointer)
    return [] if old is new is MISSING else list(_one(old, new, ""))


def _value_at(value: Any, pointer: str) -> Any:
    """What is there, or MISSING."""
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        elif isinstance(value, dict) and name in value:
            value = value[name]
        else:
            return MISSING
    return value


def _changes(before: Any, after: Any, path: str) -> Iterator[ValueChange]:
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _members(before, after, path)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _items(before, after, path)
    elif isinstance(before, bool) != isinstance(after, bool) or before != after:
        yield ValueChange(Operation.REPLACE, path, before, after)


def _members(before: Mapping[str, Any], after: Mapping[str, Any], path: str) -> Iterator[ValueChange]:
    for name in dict.fromkeys((*before, *after)):
        yield from _one(before.get(name, MISSING), after.get(name, MISSING), f"{path}/{_escaped(name)}")


def _one(before: Any, after: Any, path: str) -> Iterator[ValueChange]:
    if before is MISSING:
        yield ValueChange(Operation.ADD, path, None, after)
    elif after is MISSING:
        yield ValueChange(Operation.REMOVE, path, before, None)
    else:
        yield from _changes(before, after, path)


def _items(before: Sequence[Any], after: Sequence[Any], path: str) -> Iterator[ValueChange]:
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

"""The differences between two JSON values. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from enum import StrEnum
from itertools import zip_longest
from typing import Any, NamedTuple

import orjson

MISSING: Any = object()
"""Stands for an item that one of two lists does not have."""

MAX_PAIRS = 250_000
"""Pairs of items among which two lists are searched for equal runs: the search blocks the process."""


class Operation(StrEnum):
    """The operations of JSON Patch (RFC 6902) that a difference consists of."""

    ADD = "add"
    REMOVE = "remove"
    REPLACE = "replace"


class ValueChange(NamedTuple):
    """One step from a value to another, with the value before.

    `path` is a JSON Pointer (RFC 6901); '' is the whole value. `before` is None for an added value, `after`
    for a removed one.
    """

    operation: Operation
    path: str
    before: Any
    after: Any


def diff(before: Any, after: Any) -> list[ValueChange]:
    """Return the steps from one JSON value to another: a JSON Patch, to be applied in order.

    Members of objects are compared by name. In lists the longest common runs stay, and the items between them
    are compared one by one; an index is valid after the steps before it. Equal numbers are equal however they
    are written (1 and 1.0), and true is not 1.
    """
    return list(_changes(before, after, ""))


def diff_at(before: Any, after: Any, pointer: str) -> list[ValueChange]:
    """Return the steps between the parts of two values at a JSON Pointer; paths begin there.

    Raises ValueError where the pointer is not a JSON Pointer.
    """
    if pointer and not pointer.startswith("/"):
        raise ValueError(f"{pointer!a} is no JSON Pointer, such as /content")
    old, new = _value_at(before, pointer), _value_at(after, pointer)
    return [] if old is new is MISSING else list(_item_changes(old, new, ""))


def _value_at(value: Any, pointer: str) -> Any:
    """Return the part of the value at the pointer, or MISSING."""
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
        yield from _item_changes(
            before.get(name, MISSING), after.get(name, MISSING), f"{path}/{_escaped(name)}"
        )


def _item_changes(before: Any, after: Any, path: str) -> Iterator[ValueChange]:
    if before is MISSING:
        yield ValueChange(Operation.ADD, path, None, after)
    elif after is MISSING:
        yield ValueChange(Operation.REMOVE, path, before, None)
    else:
        yield from _changes(before, after, path)


def _items(before: Sequence[Any], after: Sequence[Any], path: str) -> Iterator[ValueChange]:
    for tag, i1, i2, j1, j2 in _opcodes(before, after):
        if tag != "equal":
            pairs = zip_longest(before[i1:i2], after[j1:j2], fillvalue=MISSING)
            for index, (old, new) in enumerate(pairs, j1):
                # A removed item leaves its index to the next one.
                yield from _item_changes(old, new, f"{path}/{min(index, j2)}")


def _opcodes(before: Sequence[Any], after: Sequence[Any]) -> Sequence[tuple[str, int, int, int, int]]:
    """Return how one list becomes the other. Items of long lists are compared at their own index alone."""
    if len(before) * len(after) > MAX_PAIRS:
        return [("replace", 0, len(before), 0, len(after))]
    return SequenceMatcher(None, [*map(_key, before)], [*map(_key, after)], autojunk=False).get_opcodes()


def _key(item: Any) -> bytes:
    return orjson.dumps(item, option=orjson.OPT_SORT_KEYS)


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")

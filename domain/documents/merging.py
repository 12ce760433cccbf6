"""JSON merge patches (RFC 7386), and equality of JSON. Pure."""

from __future__ import annotations

from typing import Any, Final

from pydantic import JsonValue

INEXPRESSIBLE: Final[Any] = object()
"""In place of a merge patch where none leads from one value to another: it cannot set a member to null."""


def merged(target: JsonValue, patch: JsonValue) -> JsonValue:
    """The target after the patch: objects are merged member by member, null removes, all else replaces."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def merge_patch(before: JsonValue, after: JsonValue) -> Any:
    """The merge patch that leads from one object to the other, or INEXPRESSIBLE."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return INEXPRESSIBLE
    patch: dict[str, JsonValue] = {name: None for name in before if name not in after}
    for name, value in after.items():
        old = before.get(name)
        if name in before and is_same_json(old, value):
            continue
        both = isinstance(old, dict) and isinstance(value, dict)
        step = merge_patch(old, value) if both else INEXPRESSIBLE if _loses_null(value) else value
        if step is INEXPRESSIBLE:
            return INEXPRESSIBLE
        patch[name] = step
    return patch


def _loses_null(value: JsonValue) -> bool:
    """Whether a merge would drop something of this value, which takes the place of no object."""
    if isinstance(value, dict):
        return any(map(_loses_null, value.values()))
    return value is None


def is_same_json(one: JsonValue, other: JsonValue) -> bool:
    """Equal as JSON, in which true is not 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(
            is_same_json(value, other[name]) for name, value in one.items()
        )
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_same_json, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and one == other

"""Plain values of the attributes of spans."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite

from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from pydantic import JsonValue

DEEPEST = 20
"""Lists and maps inside each other; what is deeper is left out."""

LONGEST_TEXT = 1_000
"""Characters of a text in an attribute that is kept; the rest is cut off."""

MAX_ITEMS = 50
"""Items of a list or map in an attribute that is kept; the rest is left out."""

LONGEST_NAME = 100
"""Characters of a name of an attribute; one with a longer name is left out."""


def plain_value(value: AnyValue, depth: int = 0) -> JsonValue:
    """Return the whole value as JSON; None for bytes, and for what JSON or the log cannot represent."""
    if text := value.string_value:
        return text  # Most values are texts.
    kind = value.WhichOneof("value")
    read = None if kind is None or depth > DEEPEST else _READERS.get(kind)
    return None if read is None else read(value, depth)


def kept_value(value: AnyValue) -> JsonValue:
    """Return the value of an attribute that is kept, within its limits."""
    return _limited(plain_value(value))


def _limited(value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        return value if len(value) <= LONGEST_TEXT else f"{value[: LONGEST_TEXT - 1]}…"
    if isinstance(value, list):
        return [_limited(item) for item in value[:MAX_ITEMS]]
    if isinstance(value, dict):
        return {name: _limited(item) for name, item in list(value.items())[:MAX_ITEMS]}
    return value


def _map(value: AnyValue, depth: int) -> JsonValue:
    return {
        item.key: plain_value(item.value, depth + 1)
        for item in value.kvlist_value.values
        if is_fit_name(item.key)
    }


def is_fit_name(name: str) -> bool:
    """Return whether an attribute with this name can be stored."""
    return 0 < len(name) <= LONGEST_NAME and "\0" not in name and not name.startswith("$")


_READERS: dict[str, Callable[[AnyValue, int], JsonValue]] = {
    "string_value": lambda value, _: value.string_value,
    "bool_value": lambda value, _: value.bool_value,
    "int_value": lambda value, _: value.int_value,
    "double_value": lambda value, _: value.double_value if isfinite(value.double_value) else None,
    "array_value": lambda value, depth: [plain_value(item, depth + 1) for item in value.array_value.values],
    "kvlist_value": _map,
}

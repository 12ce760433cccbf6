"""Values that a client compares fields with: checked, and brought into the shape that is stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any

from bson.decimal128 import Decimal128

from domain.kernel.errors import UnfitValue, ValidationFailed
from domain.kernel.types.annotations import Kind, Scalar
from domain.kernel.types.stored_values import encoder
from projections.kernel.field_kinds import NAMES

Path = tuple[str | int, ...]

MAX_CHOICES = 1_000
"""Values that `in` may list."""

MAX_PATTERN = 1_000
"""Characters that `contains` and `startsWith` may look for."""

_INT64 = range(-(2**63), 2**63)

_ENCODERS: Mapping[Kind, Callable[[Any], Any] | None] = {
    kind: encoder(Scalar(kind, object)) for kind in NAMES
}


def checked(kind: Kind, operator: str, value: Any, path: Path) -> Any:
    """The operand of an operator on a field of `kind`; raises ValidationFailed where it does not fit."""
    if operator == "isNull":
        return stored_value(Kind.BOOLEAN, value, path)
    if operator == "in":
        return _choices(kind, value, path)
    if operator in ("contains", "startsWith"):
        return _pattern(value, path)
    if value is None and operator in ("eq", "ne"):
        return None
    return stored_value(kind, value, path)


def _choices(kind: Kind, value: Any, path: Path) -> list[Any]:
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise ValidationFailed("'in' takes a list of values", path)
    if len(value) > MAX_CHOICES:
        raise ValidationFailed(f"'in' takes {MAX_CHOICES} values, not more", path)
    return [None if one is None else stored_value(kind, one, (*path, i)) for i, one in enumerate(value)]


def _pattern(value: Any, path: Path) -> str:
    text: str = stored_value(Kind.TEXT, value, path)
    if len(text) > MAX_PATTERN or "\0" in text:
        raise ValidationFailed(f"a text to look for has at most {MAX_PATTERN} characters, and no NUL", path)
    return text


def stored_value(kind: Kind, value: Any, path: Path) -> Any:
    """The value as a row stores it; raises ValidationFailed where it is not of `kind`."""
    if isinstance(value, Enum):
        value = value.value
    if kind is Kind.NUMBER and isinstance(value, int) and not isinstance(value, bool) and value in _INT64:
        # As a float it might be another number.
        return value
    encode = _ENCODERS[kind]
    try:
        return value if encode is None else encode(value)
    except UnfitValue:
        raise ValidationFailed(f"expected {NAMES[kind]}", path) from None


def comparable(value: Any) -> Any:
    """A stored value, or a list of them, as Python compares it the way MongoDB does."""
    if isinstance(value, Decimal128):
        return value.to_decimal()
    if isinstance(value, list) and any(isinstance(item, Decimal128) for item in value):
        return [comparable(item) for item in value]
    return value


def has_decimals(value: Any) -> bool:
    """Whether an operand is a decimal number, or a list with some."""
    return isinstance(value, Decimal128) or (
        isinstance(value, list) and any(isinstance(item, Decimal128) for item in value)
    )

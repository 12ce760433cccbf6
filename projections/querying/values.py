"""Values that a client compares fields with: checked, and converted to their stored form."""

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
"""Values that `in` accepts."""

MAX_PATTERN = 1_000
"""Characters that `contains` and `startsWith` accept."""

_ENCODERS: Mapping[Kind, Callable[[Any], Any] | None] = {
    kind: encoder(Scalar(kind, object)) for kind in NAMES
}


def checked(kind: Kind, operator: str, value: Any, path: Path) -> Any:
    """Return the stored form of an operand of an operator on a field of `kind`.

    Raises ValidationFailed if the operand does not fit.
    """
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
        raise ValidationFailed(f"'in' takes at most {MAX_CHOICES} values", path)
    return [None if item is None else stored_value(kind, item, (*path, i)) for i, item in enumerate(value)]


def _pattern(value: Any, path: Path) -> str:
    text: str = stored_value(Kind.TEXT, value, path)
    if len(text) > MAX_PATTERN or "\0" in text:
        raise ValidationFailed(
            f"the text of this operator may have at most {MAX_PATTERN} characters, and no NUL", path
        )
    return text


def stored_value(kind: Kind, value: Any, path: Path) -> Any:
    """Return the value as a row stores it. Raises ValidationFailed if it is not of `kind`."""
    if isinstance(value, Enum):
        value = value.value
    if (
        kind is Kind.NUMBER
        and isinstance(value, int)
        and not isinstance(value, bool)
        and -(2**63) <= value < 2**63
    ):
        # A large integer cannot be represented exactly as a float.
        return value
    encode = _ENCODERS[kind]
    try:
        return value if encode is None else encode(value)
    except UnfitValue:
        raise ValidationFailed(f"expected {NAMES[kind]}", path) from None


def comparable(value: Any) -> Any:
    """Return a stored value, or a list of values, in a form that Python compares as MongoDB does."""
    if isinstance(value, Decimal128):
        return value.to_decimal()
    if isinstance(value, list | tuple) and any(isinstance(item, Decimal128) for item in value):
        return [comparable(item) for item in value]
    return value


def has_decimals(value: Any) -> bool:
    """Return whether an operand is a decimal number, or a list that contains one."""
    return isinstance(value, Decimal128) or (
        isinstance(value, list | tuple) and any(isinstance(item, Decimal128) for item in value)
    )

"""Values that a client compares fields with: checked, and brought into the shape that is stored."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import Any

from domain.kernel.errors import ValidationFailed
from domain.kernel.fields import to_moment
from projections.querying.kinds import Kind

Path = tuple[str | int, ...]

MAX_CHOICES = 1_000
"""Values that `in` may list."""

MAX_PATTERN = 1_000
"""Characters that `contains` and `startsWith` may look for."""

_INT64 = range(-(2**63), 2**63)


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
    if not isinstance(value, Sequence) or isinstance(value, str):
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
    """The value as a row would hold it; raises ValidationFailed where it is not of `kind`."""
    if isinstance(value, Enum):
        value = value.value
    match kind, value:
        case (Kind.BOOLEAN, bool()):
            return value
        case (Kind.INTEGER | Kind.NUMBER, int()) if not isinstance(value, bool) and value in _INT64:
            return value
        case (Kind.NUMBER, float()) if math.isfinite(value):
            return value
        case (Kind.TEXT, str()) if _is_unicode(value):
            return value
        case (Kind.MOMENT, datetime()) if value.tzinfo is not None:
            return _moment(value, path)
        case _:
            raise ValidationFailed(f"expected {kind}", path)


def _is_unicode(text: str) -> bool:
    """False for a text with half of a surrogate pair, which UTF-8 cannot hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _moment(value: datetime, path: Path) -> datetime:
    try:
        return to_moment(value)
    except OverflowError:
        raise ValidationFailed("this moment is out of range", path) from None

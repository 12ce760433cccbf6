"""Values of the fields of spans, as attributes give them; None for a value that does not fit the field."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import JsonValue

from domain.kernel.fields import ID_PATTERN, MAX_ID_LENGTH
from domain.kernel.personal import actor_subject

LONGEST_LABEL = 200
MAX_LABELS = 20
MAX_TOKENS = 10**10
"""A greater number is no number of tokens; prices of this many still fit the cost of a span."""

_IDENTIFIER = re.compile(ID_PATTERN)


def read_label(value: JsonValue) -> str | None:
    """Return a short text."""
    if isinstance(value, str):
        return value.strip()[:LONGEST_LABEL] or None
    return None if value is None or isinstance(value, list | dict) else str(value)


def read_labels(value: JsonValue) -> Sequence[str] | None:
    """Return short texts, of a list or of one value."""
    values = value if isinstance(value, list) else [value]
    return tuple(filter(None, map(read_label, values[:MAX_LABELS]))) or None


def read_tokens(value: JsonValue) -> int | None:
    """Return a number of tokens."""
    return value if type(value) is int and 0 <= value <= MAX_TOKENS else None


def read_identifier(value: JsonValue) -> str | None:
    """Return an id of nerve."""
    if not isinstance(value, str) or len(value) > MAX_ID_LENGTH:
        return None
    return value if _IDENTIFIER.fullmatch(value) else None


def read_subject(value: JsonValue) -> str | None:
    """Return the subject of the personal data of a person with this name."""
    name = read_label(value)
    return None if name is None else actor_subject(name)

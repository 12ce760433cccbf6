"""Reads the JSON of tokens: without repeated names, and without numbers that JSON does not have."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any


def read_object(text: bytes) -> dict[str, Any]:
    """Return the JSON object; raises ValueError where the text is none, repeats a name, or is nested deep.

    Two readers of an object with a repeated name may see different values.
    """
    try:
        value = json.loads(text, object_pairs_hook=_distinct, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def _distinct(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("repeats a name")
    return values


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")

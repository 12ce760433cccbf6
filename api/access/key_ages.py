"""The age of API keys, which should be rotated from time to time. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

MAX_KEY_AGE = timedelta(days=365)
"""Age from which an API key should be rotated."""


def valid_keys(keys: Iterable[Mapping[str, Any]], at: datetime) -> list[Mapping[str, Any]]:
    """Return those of the keys, rows of keys that are not revoked, that have not expired."""
    return [key for key in keys if key["expires_at"] is None or key["expires_at"] > at]


def is_old(key: Mapping[str, Any], at: datetime) -> bool:
    """Return whether the key of this row should be rotated."""
    made: datetime = key["rotated_at"] or key["issued_at"]
    return at - made > MAX_KEY_AGE

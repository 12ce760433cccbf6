"""The bytes that one response may have, counted while it is written."""

from __future__ import annotations

from typing import Any

from api.encoding import encode
from domain.kernel.limit_errors import ResponseTooLarge

MAX_RESPONSE_BYTES = 10_000_000

SMALL = 8
"""Bytes that stand for a number, a truth value or null."""


class ByteBudget:
    """Counts what is written of one response. A value that does not fit spends nothing."""

    __slots__ = ("_left", "_most")

    def __init__(self, most: int = MAX_RESPONSE_BYTES) -> None:
        self._most = most
        self._left = most

    def renew(self) -> None:
        """Begin another response."""
        self._left = self._most

    def spend(self, name: str, value: Any) -> None:
        """Count a value under its name in the response; raises ResponseTooLarge where it does not fit."""
        if value.__class__ is str:
            size = len(value) if value.isascii() else len(value.encode())
        else:
            size = SMALL if value.__class__ in _SMALL_TYPES else len(encode(value))
        left = self._left - len(name) - size
        if left < 0:
            raise ResponseTooLarge(self._most)
        self._left = left


_SMALL_TYPES = frozenset({int, float, bool, type(None)})

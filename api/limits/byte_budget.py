"""The bytes that one response may have, counted while it is written."""

from __future__ import annotations

from typing import Any

from api.encoding import encode
from domain.kernel.limit_errors import ResponseTooLarge

MAX_RESPONSE_BYTES = 10_000_000

SMALL = 8
"""Bytes that stand for a number, a truth value or null."""


class ByteBudget:
    """Counts what is written of one response; `left` is what may still be written.

    A value that does not fit spends nothing.
    """

    __slots__ = ("_limit", "left")

    def __init__(self, limit: int = MAX_RESPONSE_BYTES) -> None:
        self._limit = limit
        self.left = limit

    def renew(self) -> None:
        """Begin another response."""
        self.left = self._limit

    def take(self, size: int) -> None:
        """Count so many bytes; raises ResponseTooLarge where they do not fit."""
        left = self.left - size
        if left < 0:
            raise ResponseTooLarge(self._limit)
        self.left = left

    def spend(self, name: str, value: Any) -> None:
        """Count a value under its name in the response; raises ResponseTooLarge where it does not fit."""
        if value.__class__ is str:
            size = len(value) if value.isascii() else len(value.encode())
        else:
            size = SMALL if value.__class__ in _SMALL_TYPES else len(encode(value))
        self.take(len(name) + size)


_SMALL_TYPES = frozenset({int, float, bool, type(None)})

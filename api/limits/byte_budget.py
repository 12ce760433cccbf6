"""The bytes that one response may have, counted while it is written."""

from __future__ import annotations

from typing import Any

from api.encoding import encode
from domain.kernel.limit_errors import ResponseTooLarge

MAX_RESPONSE_BYTES = 10_000_000

SMALL = 8
"""Bytes that stand for a number, a truth value or null."""


class ByteBudget:
    """Counts what is written of one response of at most `limit` bytes; `left` may still be written.

    A value that does not fit spends nothing.
    """

    __slots__ = ("_encoded", "_encoded_size", "left", "limit")

    def __init__(self, limit: int = MAX_RESPONSE_BYTES) -> None:
        self.limit = limit
        self.left = limit
        self._encoded: Any = None
        self._encoded_size = 0

    def renew(self) -> None:
        """Begin another response."""
        self.left = self.limit

    def take(self, size: int) -> None:
        """Count so many bytes; raises ResponseTooLarge where they do not fit."""
        left = self.left - size
        if left < 0:
            raise ResponseTooLarge(self.limit)
        self.left = left

    def spend(self, name: str, value: Any) -> None:
        """Count a value under its name in the response; raises ResponseTooLarge where it does not fit."""
        if value.__class__ is str:
            size = len(value) if value.isascii() else len(value.encode())
        else:
            size = SMALL if value.__class__ in _SMALL_TYPES else self._encoded_bytes(value)
        self.take(len(name) + size)

    def _encoded_bytes(self, value: Any) -> int:
        """Return the bytes of a value, which is encoded once if many fields in a row select the same one."""
        if value is not self._encoded:
            self._encoded, self._encoded_size = value, len(encode(value))
        return self._encoded_size


_SMALL_TYPES = frozenset({int, float, bool, type(None)})

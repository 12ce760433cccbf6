"""Creates ids, and reads the clock."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Lock

from domain.kernel.fields import to_moment

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""The digits of Crockford's Base32."""

_PAIRS = tuple([first + second for first in _DIGITS for second in _DIGITS])
"""Two digits for each number of ten bits."""

_RANDOM_BYTES = 10
_SHIFTS = range(120, -1, -10)


class UlidGenerator:
    """Generates ULIDs, each greater than the one before: https://github.com/ulid/spec

    Those of one millisecond count up from a random one. It is safe to use from several threads. Every command
    and event needs an id, and this takes a third of the time of the package python-ulid. `clock` returns
    nanoseconds.
    """

    def __init__(self, clock: Callable[[], int] = time.time_ns) -> None:
        self._clock = clock
        self._lock = Lock()
        self._last = 0

    def __call__(self) -> str:
        milliseconds = self._clock() // 1_000_000
        with self._lock:
            if milliseconds > self._last >> 8 * _RANDOM_BYTES:
                self._last = milliseconds << 8 * _RANDOM_BYTES | int.from_bytes(os.urandom(_RANDOM_BYTES))
            else:
                self._last += 1
            number = self._last
        return "".join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS])


_new_ulid = UlidGenerator()


def new_id(category: str) -> str:
    """Return an id such as ``task-01J…``: the category and a ULID, which sorts by its time of creation."""
    return f"{category}-{_new_ulid()}"


def now() -> datetime:
    """Return the time of the system in UTC, in milliseconds."""
    return to_moment(datetime.now(UTC))

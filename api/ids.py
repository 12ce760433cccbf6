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

_RANDOM_BITS = 80
_LOW_BITS = 20
"""The bits of the last four digits."""

_HIGH_SHIFTS = range(120, _LOW_BITS - 1, -10)


class UlidGenerator:
    """Generates ULIDs, each greater than the one before: https://github.com/ulid/spec

    Those of one millisecond count up from a random one, so that most differ from the one before in their last
    four digits only. It is safe to use from several threads. Each of the hundreds of events of a commit needs
    an id, and this takes an eighth of the time of the package python-ulid. `clock` returns nanoseconds.
    """

    def __init__(self, clock: Callable[[], int] = time.time_ns) -> None:
        self._clock = clock
        self._lock = Lock()
        self._last = 0
        self._high_digits = ""

    def __call__(self) -> str:
        milliseconds = self._clock() // 1_000_000
        with self._lock:
            if milliseconds > self._last >> _RANDOM_BITS:
                number = milliseconds << _RANDOM_BITS | int.from_bytes(os.urandom(_RANDOM_BITS // 8))
            else:
                number = self._last + 1
            if number >> _LOW_BITS != self._last >> _LOW_BITS:
                self._high_digits = "".join([_PAIRS[number >> shift & 1023] for shift in _HIGH_SHIFTS])
            self._last = number
            return self._high_digits + _PAIRS[number >> 10 & 1023] + _PAIRS[number & 1023]


_new_ulid = UlidGenerator()


def new_id(category: str) -> str:
    """Return an id such as ``task-01J…``: the category and a ULID, which sorts by its time of creation."""
    return f"{category}-{_new_ulid()}"


def now() -> datetime:
    """Return the time of the system in UTC, in milliseconds."""
    return to_moment(datetime.now(UTC))

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

_LOW_BITS = 20
"""The bits of the last four digits."""

_HIGH_SHIFTS = range(100, -1, -10)


class UlidGenerator:
    """Generates ULIDs, each greater than the one before: https://github.com/ulid/spec

    Those of one millisecond count up from a random one, so that most differ from the one before in their last
    four digits only. It is safe to use from several threads. Each of the hundreds of events of a commit needs
    an id, and this takes an eighth of the time of the package python-ulid. `clock` returns nanoseconds.
    """

    def __init__(self, clock: Callable[[], int] = time.time_ns) -> None:
        self._clock = clock
        self._lock = Lock()
        self._milliseconds = -1
        self._high = self._low = 0
        """The last number, without its low bits, and these."""
        self._high_digits = ""

    def __call__(self) -> str:
        milliseconds = self._clock() // 1_000_000
        with self._lock:
            low = self._low + 1
            if milliseconds > self._milliseconds:
                random = int.from_bytes(os.urandom(_RANDOM_BYTES))
                low = self._start(milliseconds << 8 * _RANDOM_BYTES | random)
            elif low >> _LOW_BITS:
                low = self._start((self._high + 1) << _LOW_BITS)
            self._low = low
            return f"{self._high_digits}{_PAIRS[low >> 10]}{_PAIRS[low & 1023]}"

    def _start(self, number: int) -> int:
        """Keep the digits before the last four; return the low bits."""
        self._milliseconds = number >> 8 * _RANDOM_BYTES
        self._high = number >> _LOW_BITS
        self._high_digits = "".join([_PAIRS[self._high >> shift & 1023] for shift in _HIGH_SHIFTS])
        return number & (1 << _LOW_BITS) - 1


_new_ulid = UlidGenerator()


def new_id(category: str) -> str:
    """Return an id such as ``task-01J…``: the category and a ULID, which sorts by its time of creation."""
    return f"{category}-{_new_ulid()}"


def now() -> datetime:
    """Return the time of the system in UTC, in milliseconds."""
    return to_moment(datetime.now(UTC))

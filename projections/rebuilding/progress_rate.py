"""How fast a piece of work goes on, and how long the rest of it will take. Pure."""

from __future__ import annotations

import math

MEMORY = 10.0
"""Seconds after which the weight of a measurement has fallen to about a third."""


class ProgressRate:
    """The rate of an amount that grows, smoothed: later measurements weigh more than earlier ones.

    It starts at the amount `done`, at the time `at` in seconds of a monotonic clock.
    """

    def __init__(self, done: float, at: float) -> None:
        self._done = done
        self._at = at
        self._amount = 0.0
        self._time = 0.0

    def update(self, done: float, at: float) -> None:
        """Record that the amount is `done` now. If it is less than before, the measurement starts again."""
        passed, grown = at - self._at, done - self._done
        if passed <= 0:
            return
        self._done, self._at = done, at
        if grown < 0:
            self._amount = self._time = 0.0
            return
        fading = math.exp(-passed / MEMORY)
        self._amount = self._amount * fading + grown
        self._time = self._time * fading + passed

    @property
    def rate(self) -> float:
        """The amount per second; 0 before the first measurement."""
        return self._amount / self._time if self._time else 0.0


def time_left(rest: float, rate: float) -> float | None:
    """Return the seconds until the rest is done at this rate; None if it will never be."""
    if rest <= 0:
        return 0.0
    return rest / rate if rate > 0 else None

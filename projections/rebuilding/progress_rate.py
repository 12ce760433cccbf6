"""How fast a piece of work goes on, and how long the rest of it will take. Pure."""

from __future__ import annotations

import math

MEMORY = 10.0
"""Seconds after which a measurement counts for a third."""


class ProgressRate:
    """The rate of something that grows, smoothed: late measurements count for more than early ones.

    `done` and `at`, in seconds of a monotonic clock, are where it begins.
    """

    def __init__(self, done: float, at: float) -> None:
        self._done = done
        self._at = at
        self._amount = 0.0
        self._time = 0.0

    def see(self, done: float, at: float) -> None:
        """It has come to `done`. Less than before is a new beginning from there."""
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
        """How much a second; 0 where nothing is known yet."""
        return self._amount / self._time if self._time else 0.0


def time_left(rest: float, rate: float) -> float | None:
    """Seconds until the rest is done at this rate; None where it will not end."""
    if rest <= 0:
        return 0.0
    return rest / rate if rate > 0 else None

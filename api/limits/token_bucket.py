"""A limit on how often something may happen per second."""

from __future__ import annotations


class TokenBucket:
    """Tokens that come back at `rate` a second, up to `burst`. Times are in seconds of a monotonic clock.

    What happens takes its tokens even where there are too few: the bucket then has a debt to wait for.
    """

    __slots__ = ("_burst", "_rate", "_time", "_tokens")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._time = now

    def take(self, tokens: float = 1.0) -> None:
        """Take so many tokens."""
        self._tokens -= tokens

    def refill(self, now: float) -> float:
        """Add the tokens that have come back, and return how many there are now."""
        self._tokens = min(self._burst, self._tokens + (now - self._time) * self._rate)
        self._time = now
        return self._tokens

    def delay(self, now: float, tokens: float = 0.0) -> float:
        """Return the seconds until there are so many tokens; by default, until the bucket has no debt."""
        return max(0.0, (tokens - self.refill(now)) / self._rate)

    def is_half_full(self, now: float) -> bool:
        """Return whether at least half of the burst is there."""
        return self.refill(now) >= self._burst / 2

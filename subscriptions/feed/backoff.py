"""How long to wait before trying again."""

from __future__ import annotations

import random

from domain.kernel.errors import Unavailable

OUTAGE_CAP = 1.0
"""Seconds between two tries at most while a server is out of reach.

Each try has waited for the server itself by then, so a longer pause would only prolong the outage.
"""


class Backoff:
    """Pauses in seconds that double up to a cap, with jitter so that many do not retry at once.

    The "equal jitter" of M. Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015).
    """

    def __init__(self, first: float = 0.05, cap: float = 5.0) -> None:
        self._first = first
        self._cap = cap
        self.failures = 0

    def pause(self, error: Exception | None = None) -> float:
        """Return the pause after one more failure in a row; at most `OUTAGE_CAP` where it is Unavailable."""
        cap = min(self._cap, OUTAGE_CAP) if isinstance(error, Unavailable) else self._cap
        whole = min(cap, self._first * 2.0 ** min(self.failures, 30))
        self.failures += 1
        return whole / 2 + random.uniform(0, whole / 2)

    def reset(self) -> None:
        """It worked: the next failure is the first again."""
        self.failures = 0

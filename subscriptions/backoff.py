"""How long to wait before trying again."""

from __future__ import annotations

import random


class Backoff:
    """Pauses in seconds that double up to a cap, with jitter so that many do not retry at once.

    The "equal jitter" of M. Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015).
    """

    def __init__(self, first: float = 0.05, cap: float = 5.0) -> None:
        self._first = first
        self._cap = cap
        self.failures = 0

    def pause(self) -> float:
        """The pause after one more failure in a row."""
        whole = min(self._cap, self._first * 2.0 ** min(self.failures, 30))
        self.failures += 1
        return whole / 2 + random.uniform(0, whole / 2)

    def reset(self) -> None:
        """It worked: the next failure is the first again."""
        self.failures = 0

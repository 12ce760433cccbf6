"""The circuit of a webhook's target, which is left alone for a while after failures in a row."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from subscriptions.feed.background import Backoff

MAX_FAILING = 10
"""Streams that have failed since the last success, after which the circuit opens.

One event that the target never accepts does not open it, however often it is sent.
"""

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
"""Seconds of an open circuit until the next attempt; they double from the first to the longest."""


class TargetCircuit:
    """Limits the attempts at a target by their outcomes. `clock` returns monotonic seconds.

    While the circuit is open, there is one attempt at a time, after a growing pause. Whatever its state, no
    attempt begins within the pause that the target asked for.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._backoff = Backoff(FIRST_PAUSE, LONGEST_PAUSE)
        self._failing: set[str] = set()
        self._closed_until = 0.0

    @property
    def is_open(self) -> bool:
        """Whether several streams have failed in a row, so that there is only one attempt at a time."""
        return len(self._failing) >= MAX_FAILING

    @property
    def pause(self) -> float:
        """The seconds until an attempt may begin, 0 for now."""
        return max(0.0, self._closed_until - self._clock())

    def failed(self, streams: Iterable[str], retry_after: float | None = None) -> None:
        """Count a failed attempt with events of these streams.

        `retry_after` is the pause in seconds that the target asked for.
        """
        self._failing.update(streams)
        # Requests that were under way when the circuit opened show nothing new.
        pause = self._backoff.pause() if self.is_open and not self.pause else 0.0
        self._closed_until = max(self._closed_until, self._clock() + max(pause, retry_after or 0.0))

    def succeeded(self) -> None:
        """Close the circuit."""
        self._failing.clear()
        self._closed_until = 0.0
        self._backoff.reset()

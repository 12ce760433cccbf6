"""Checking that record times rise with positions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from domain.dispatch.ports import Clock
from domain.kernel.names import quantity
from eventstore.mongo.log_collections import CLOCK_SKEW


class TimeOrder:
    """Checks the record times of commits in the order of their positions.

    Up to position `ordered_after` they come from the writers' clocks, as an older version of nerve stored
    them. Differences between clocks are no defects there, and only counted.
    """

    def __init__(self, clock: Clock, ordered_after: int) -> None:
        self._now = clock()
        self._ordered_after = ordered_after
        self._before: tuple[int, datetime] | None = None
        self._excused = 0

    def follow(self, position: int, at: datetime) -> str | None:
        """Add the time of the next commit; return what is wrong with it, or None."""
        before, self._before = self._before, (position, at)
        if at - self._now > CLOCK_SKEW:
            return f"it was recorded at {at.isoformat()}, which is in the future"
        if before is None or at >= before[1] or before[1] - self._now > CLOCK_SKEW:
            return None
        if position <= self._ordered_after and before[1] - at <= CLOCK_SKEW:
            self._excused += 1
            return None
        return f"it was recorded at {at.isoformat()}, before position {before[0]} at {before[1].isoformat()}"

    def notes(self) -> Iterator[str]:
        """Yield observations that are no defects."""
        if self._excused:
            yield (
                f"up to position {self._ordered_after}, the times of {quantity(self._excused, 'commit')} lie "
                "a little before those of the commits before: they come from the clocks of several writers"
            )

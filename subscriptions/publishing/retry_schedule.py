"""When a delivery that failed is tried again, and when no more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from subscriptions.feed.background import Backoff


@dataclass(frozen=True, slots=True)
class RetrySchedule:
    """Pauses between attempts: they double from `first` up to `longest` seconds, and half of each is random.

    An event becomes a dead letter when an attempt fails `give_up_after` after the first failure.
    """

    first: float
    longest: float
    give_up_after: timedelta

    def next_attempt(
        self, failures: int, first_failed_at: datetime, now: datetime, retry_after: float | None = None
    ) -> datetime | None:
        """Return the time of the attempt after `failures` in a row; None if there is none any more.

        It is not before the pause in seconds that the target asked for, `retry_after`. The last attempt is at
        the end of the time.
        """
        end = first_failed_at + self.give_up_after
        if now >= end:
            return None
        pause = Backoff(self.first, self.longest, failures - 1).pause()
        left = (end - now).total_seconds()
        return now + timedelta(seconds=min(max(pause, retry_after or 0.0), left))

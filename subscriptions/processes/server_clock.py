"""The clock of MongoDB's server, as a worker knows it: deadlines are due by one clock for all workers."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from math import inf

from domain.dispatch.ports import Clock

COMPARED_FOR = 60.0
"""Seconds after which the clocks are compared again."""


class ServerClock:
    """The local clock, corrected by its distance from the server's clock."""

    def __init__(self, server_time: Callable[[], Awaitable[datetime]], clock: Clock) -> None:
        self._server_time = server_time
        self._clock = clock
        self._lead = timedelta(0)
        self._compared_at = -inf

    @property
    def now(self) -> datetime:
        """The time by the server's clock."""
        return self._clock() + self._lead

    async def compare(self) -> None:
        """Compare the clocks, unless that was done lately. Raises Unavailable."""
        if self._compared_at + COMPARED_FOR > time.monotonic():
            return
        server_time = await self._server_time()
        # The local clock is read later, so that the server's time is never overestimated.
        self._lead = server_time - self._clock()
        self._compared_at = time.monotonic()

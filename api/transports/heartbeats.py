"""Signs of life to and from all clients of a process that stay connected."""

from __future__ import annotations

import asyncio
from typing import Protocol

SLICES = 20
"""Parts of an interval. The members are spread over them: 20,000 at once would hold up everything else."""


class MonitoredConnection(Protocol):
    """A connection that is looked at now and then."""

    def check(self) -> None:
        """Its time has come: it gives a sign of life, or ends where the other side gave none."""


class Heartbeats:
    """Checks each member once an interval, with one timer for all; without members there is none."""

    def __init__(self, loop: asyncio.AbstractEventLoop, interval: float) -> None:
        self._loop = loop
        self._pause = interval / SLICES
        self._slices: list[set[MonitoredConnection]] = [set() for _ in range(SLICES)]
        self._at: dict[MonitoredConnection, set[MonitoredConnection]] = {}
        self._next = 0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, member: MonitoredConnection) -> None:
        """Check it from now on; for the first time within one interval."""
        least = min(self._slices, key=len)
        least.add(member)
        self._at[member] = least
        if self._timer is None:
            self._timer = self._loop.call_later(self._pause, self._turn)

    def discard(self, member: MonitoredConnection) -> None:
        """Leave it alone from now on."""
        if found := self._at.pop(member, None):
            found.discard(member)
        if not self._at and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _turn(self) -> None:
        self._timer = self._loop.call_later(self._pause, self._turn)
        due = self._slices[self._next]
        self._next = (self._next + 1) % SLICES
        for member in tuple(due):
            member.check()

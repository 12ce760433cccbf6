"""Regular checks of all connections of a process that stay open."""

from __future__ import annotations

import asyncio
from typing import Protocol

SLICES = 20
"""Parts of an interval over which the connections are spread: checks of 20,000 at once would delay all else.
"""


class MonitoredConnection(Protocol):
    """A connection that is checked regularly."""

    def check(self) -> None:
        """Send a sign of life, or end the connection where its client has sent none."""


class Heartbeats:
    """Checks each connection once an interval, with one timer for all, which stops when there is none."""

    def __init__(self, loop: asyncio.AbstractEventLoop, interval: float) -> None:
        self._loop = loop
        self._pause = interval / SLICES
        self._slices: list[set[MonitoredConnection]] = [set() for _ in range(SLICES)]
        self._slice_of: dict[MonitoredConnection, set[MonitoredConnection]] = {}
        self._next = 0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, connection: MonitoredConnection) -> None:
        """Check the connection from now on, the first time within one interval."""
        smallest = min(self._slices, key=len)
        smallest.add(connection)
        self._slice_of[connection] = smallest
        if self._timer is None:
            self._timer = self._loop.call_later(self._pause, self._check_slice)

    def discard(self, connection: MonitoredConnection) -> None:
        """Stop checking the connection."""
        if members := self._slice_of.pop(connection, None):
            members.discard(connection)
        if not self._slice_of and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _check_slice(self) -> None:
        self._timer = self._loop.call_later(self._pause, self._check_slice)
        due = self._slices[self._next]
        self._next = (self._next + 1) % SLICES
        for connection in tuple(due):
            connection.check()

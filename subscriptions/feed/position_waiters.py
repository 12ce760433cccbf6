"""Waiting in a process until a topic reaches a position.

`PositionWaiters` is the one place where tasks wait for positions. `TopicListener` is for a single loop that
looks at MongoDB: it wakes the loop, and remembers what was announced while the loop was busy.
"""

from __future__ import annotations

import asyncio
import sys
import time
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from operator import itemgetter

RECHECK = sys.maxsize
"""Announced as a position when messages may have been missed: every waiting task checks again."""


_Waiting = tuple[int, int, asyncio.Event]
"""A position, a number that orders the tasks that wait for it, and the event that announces it."""


class PositionWaiters:
    """Tasks that each wait for a position of their own; `highest` is the highest one that was announced."""

    def __init__(self) -> None:
        self._waiting: list[_Waiting] = []
        self._numbers = count()
        self.highest = 0

    def notify(self, position: int) -> None:
        """Announce that the topic has reached `position`, or `RECHECK` to wake all tasks."""
        if position < RECHECK:
            self.highest = max(self.highest, position)
        for _, _, event in self._waiting[: bisect_right(self._waiting, position, key=itemgetter(0))]:
            event.set()

    def move_to(self, position: int) -> None:
        """Announce `position` as the current one, even if a higher one was announced before."""
        self.highest = position
        self.notify(position)

    def beat(self, position: int, edition: int) -> None:
        """Announce `position` as a process has just read it."""
        self.notify(position)

    @contextmanager
    def announced(self, position: int) -> Iterator[asyncio.Event]:
        """An event that is set, inside the context, each time `position` or a later one is announced."""
        waiting = self._enter(position)
        try:
            yield waiting[2]
        finally:
            self._leave(waiting)

    async def wait(self, position: int, within: float | None = None) -> bool:
        """Wait for the next announcement of `position` or a later one.

        Return False if there is none within so many seconds; without `within` wait for any time.
        """
        # Without `announced`: this is done for each step of a process.
        waiting = self._enter(position)
        announced = waiting[2]
        try:
            if within is None:
                return await announced.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(within):
                    await announced.wait()
            return announced.is_set()
        finally:
            self._leave(waiting)

    def _enter(self, position: int) -> _Waiting:
        waiting = (position, next(self._numbers), asyncio.Event())
        insort(self._waiting, waiting)
        return waiting

    def _leave(self, waiting: _Waiting) -> None:
        del self._waiting[bisect_left(self._waiting, waiting)]

    async def reach(self, position: int, within: float | None = None) -> bool:
        """Wait until `highest` is `position` or more.

        Return False if it is not within so many seconds, or if all tasks are woken before.
        """
        if self.highest < position:
            await self.wait(position, within)
        return self.highest >= position


class TopicListener:
    """Wakes one loop that looks for what is new under a topic."""

    def __init__(self) -> None:
        self._waiters = PositionWaiters()
        self._hint = 0
        self._edition: int | None = None
        self._last_beat = float("-inf")

    def notify(self, position: int) -> None:
        """Announce that the topic has reached `position`."""
        self._hint = max(self._hint, position)
        self._waiters.notify(position)

    def beat(self, position: int, edition: int) -> None:
        """Announce `position` and `edition` as a process has just read them.

        A changed edition wakes the loop whatever the position.
        """
        self._last_beat = time.monotonic()
        is_same, self._edition = edition == self._edition, edition
        self.notify(position if is_same else RECHECK)

    @property
    def highest(self) -> int:
        """The highest position that was ever announced."""
        return self._waiters.highest

    def take(self) -> int:
        """Return the highest position that was announced since the last look, 0 if there was none."""
        hint, self._hint = self._hint, 0
        return hint

    async def wait(self, within: float, beyond: int) -> None:
        """Wait until a position beyond `beyond` is announced, but at most `within` seconds."""
        await self._is_announced(within, beyond)

    async def rest(self, within: float, beyond: int) -> None:
        """Wait as `wait` does, but count the `within` seconds from the last beat.

        While another process looks and beats, this loop need not look by itself.
        """
        looked = time.monotonic()
        while (left := max(looked, self._last_beat) + within - time.monotonic()) > 0:
            if await self._is_announced(left, beyond):
                return

    async def _is_announced(self, within: float, beyond: int) -> bool:
        # A hint is used once: a wrong one may cost a look, but never a busy loop.
        is_announced = self.take() > beyond or await self._waiters.wait(beyond + 1, within)
        self._hint = 0
        return is_announced

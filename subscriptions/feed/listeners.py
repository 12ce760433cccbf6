"""Who waits in a process for what a topic tells: that it has reached a position."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

MISSED = sys.maxsize
"""Told as a position where messages may have been missed: whoever waits is to look."""


class TopicListener:
    """What one topic tells: its highest position since the last look, and when somebody looked for it."""

    def __init__(self) -> None:
        self._woken = asyncio.Event()
        self._hint = 0
        self._edition: int | None = None
        self._beaten = float("-inf")

    def notify(self, position: int) -> None:
        """Somebody says that the topic has reached `position`."""
        self._hint = max(self._hint, position)
        self._woken.set()

    def beat(self, position: int, edition: int) -> None:
        """Somebody who has looked just now found the topic at `position`, and in this `edition`.

        Another edition than before is worth a look, whatever the position.
        """
        self._beaten = time.monotonic()
        same, self._edition = edition == self._edition, edition
        self.notify(position if same else MISSED)

    def take(self) -> int:
        """The highest position that was told since the last look, 0 for none, without waiting."""
        hint, self._hint = self._hint, 0
        return hint

    async def wait(self, within: float, beyond: int) -> None:
        """Until a position beyond `beyond` is told, messages may have been missed, or `within` seconds."""
        await self._told(within, beyond)

    async def rest(self, within: float, beyond: int) -> None:
        """As `wait`, but the `within` seconds begin again with each beat: others look meanwhile."""
        looked = time.monotonic()
        while (left := max(looked, self._beaten) + within - time.monotonic()) > 0:
            if await self._told(left, beyond):
                return

    async def _told(self, within: float, beyond: int) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while True:
                    await self._woken.wait()
                    self._woken.clear()
                    # A hint is used once: one that was wrong may cost a look, not a loop.
                    if self.take() > beyond:
                        return True
        return False


class PositionWaiters:
    """Any number of tasks, each of which waits to be told of a position of its own.

    `highest` is the highest position that was told so far.
    """

    def __init__(self) -> None:
        self._waiting: set[tuple[int, asyncio.Event]] = set()
        self.highest = 0

    def notify(self, position: int) -> None:
        """Somebody says that the topic has reached `position`."""
        if position < MISSED:
            self.highest = max(self.highest, position)
        for wanted, told in self._waiting:
            if wanted <= position:
                told.set()

    def beat(self, position: int, edition: int) -> None:
        """Somebody who has looked just now found the topic at `position`."""
        self.notify(position)

    @contextmanager
    def reached(self, position: int) -> Iterator[asyncio.Event]:
        """Set each time that the topic is said to have reached `position`, inside the context."""
        waiting = (position, asyncio.Event())
        self._waiting.add(waiting)
        try:
            yield waiting[1]
        finally:
            self._waiting.discard(waiting)

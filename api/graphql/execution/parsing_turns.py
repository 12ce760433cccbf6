"""The turns in which documents are parsed and validated, so that other requests go on between two of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import perf_counter

SHORT = 0.002
"""Seconds of a turn after which the next one may follow at once."""


class ParsingTurns:
    """Gives one turn at a time. After a long turn, others wait for as many seconds as it has taken.

    Validating a large document blocks the event loop for tens of milliseconds. Without turns, many of them
    that arrive together would block it for the sum.
    """

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self._clock = clock
        self._lock = asyncio.Lock()
        self._free_at = 0.0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn, which lasts until the end of the block."""
        async with self._lock:
            await asyncio.sleep(max(0.0, self._free_at - self._clock()))
            start = self._clock()
            try:
                yield
            finally:
                end = self._clock()
                self._free_at = end + (end - start if end - start > SHORT else 0.0)

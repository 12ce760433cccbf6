"""Splits the work of an execution into turns of the event loop, so that other requests go on between them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import perf_counter

TURN = 0.005
"""Seconds of one turn. A page of rows that has begun is completed after it."""


class ExecutionTurns:
    """The turns of one execution, whose fields often get their rows all at once."""

    __slots__ = ("_clock", "_end")

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self._clock = clock
        self._end: float | None = None
        """The end of the turn, None until there is work in this turn of the event loop."""

    async def take(self) -> None:
        """Return at once while the turn lasts; otherwise wait for the next one."""
        while self._end is not None and self._clock() >= self._end:  # noqa: ASYNC110 - the loop ends the turn
            await asyncio.sleep(0)
        if self._end is None:
            self._end = self._clock() + TURN
            asyncio.get_running_loop().call_soon(self._forget)

    def _forget(self) -> None:
        self._end = None

"""The turns in which documents are parsed and validated, in slices, so that other requests go on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from api.limits.time_slices import run_in_slices

T = TypeVar("T")


class ParsingTurns:
    """Gives one turn at a time: to validate a large document takes tens of milliseconds of the process.

    Without turns, the slices of many documents that arrive together would follow one another without a rest.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    async def run(self, parse: Callable[[], T]) -> T:
        """Wait for a turn, and return what `parse` returns, which gives way from time to time."""
        async with self._lock:
            return await run_in_slices(parse)

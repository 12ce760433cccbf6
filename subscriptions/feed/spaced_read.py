"""Reads of one value for all tasks that need it, some time apart."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class SpacedRead(Generic[T]):
    """Reads a value for all tasks that wait for it; reads begin `interval` seconds apart at least.

    A task never gets what was read before it came. A read that no task waits for any more does not begin: a
    client that gives up at once, again and again, causes hardly any.
    """

    def __init__(self, read: Callable[[], Awaitable[T]], interval: float) -> None:
        self._read = read
        self._interval = interval
        self._next: _Group[T] | None = None
        self._earliest = 0.0
        self._reads: set[asyncio.Task[None]] = set()

    async def get(self) -> T:
        """Return the value, read after this call. Raises what `read` raises."""
        if self._next is None:
            loop = asyncio.get_running_loop()
            self._next = _Group(loop.create_future())
            loop.call_at(max(self._earliest, loop.time()), self._begin, self._next)
        group = self._next
        group.waiting += 1
        try:
            return await asyncio.shield(group.value)
        finally:
            group.waiting -= 1

    def _begin(self, group: _Group[T]) -> None:
        self._next = None
        if group.waiting:
            self._earliest = asyncio.get_running_loop().time() + self._interval
            reading = asyncio.create_task(self._read_for(group))
            self._reads.add(reading)
            reading.add_done_callback(self._reads.discard)

    async def _read_for(self, group: _Group[T]) -> None:
        try:
            group.value.set_result(await self._read())
        except Exception as error:
            # A future whose exception nobody fetches is logged as a fault.
            if group.waiting:
                group.value.set_exception(error)


class _Group(Generic[T]):
    """The tasks that wait for one read."""

    def __init__(self, value: asyncio.Future[T]) -> None:
        self.value = value
        self.waiting = 0

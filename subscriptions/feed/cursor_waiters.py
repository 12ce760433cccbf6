"""Waiting for new items of a tail: at once for cursors that they concern, a moment later for the others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")

HOLD_BACK = 0.02
"""Seconds after which items wake the cursors that none of them concerns."""


class Wake(Enum):
    """Why a wait has ended.

    AT_ONCE: an item has just come. LATER: items came that do not concern the cursor. TIMEOUT: none came.
    """

    AT_ONCE = "AT_ONCE"
    LATER = "LATER"
    TIMEOUT = "TIMEOUT"


class CursorWaiters(Generic[T]):
    """The cursors of a tail that have had all its items, and wait for the next ones.

    New items wake at once the cursors that they concern, and all others together `HOLD_BACK` seconds later.
    So the others do not delay those that have work, and are not woken for each item while many come.
    """

    def __init__(self) -> None:
        self._waiting: set[_Waiter[T]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def wait(self, concerns: Callable[[T], bool] | None, within: float | None) -> Wake:
        """Wait for the next items, for at most `within` seconds if that is not None.

        Without `concerns` each item concerns the cursor.
        """
        waiter = _Waiter(concerns, asyncio.get_running_loop().create_future())
        self._waiting.add(waiter)
        try:
            async with asyncio.timeout(within):
                return await waiter.wake
        except TimeoutError:
            return Wake.TIMEOUT
        finally:
            self._waiting.discard(waiter)

    def notify(self, items: Sequence[T]) -> None:
        """Announce that the source has come further, by these items if there are any."""
        others = False
        for waiter in self._waiting:
            if waiter.concerns is None or any(map(waiter.concerns, items)):
                waiter.end(Wake.AT_ONCE)
            else:
                others = True
        if others and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(HOLD_BACK, self._notify_others)

    def _notify_others(self) -> None:
        self._timer = None
        for waiter in self._waiting:
            waiter.end(Wake.LATER)

    def notify_all(self) -> None:
        """Let all cursors look again, whatever there is."""
        for waiter in self._waiting:
            waiter.end(Wake.AT_ONCE)


class _Waiter(NamedTuple, Generic[T]):
    concerns: Callable[[T], bool] | None
    wake: asyncio.Future[Wake]

    def end(self, wake: Wake) -> None:
        if not self.wake.done():
            self.wake.set_result(wake)

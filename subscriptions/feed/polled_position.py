"""Waiting for a position that is read from MongoDB, with one read for all waiting tasks of a process."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from subscriptions.feed.background import BackgroundLoop, Backoff
from subscriptions.feed.position_waiters import RECHECK, PositionWaiters, TopicListener

logger = logging.getLogger(__name__)


class PolledPosition:
    """The position that `read` returns, read in the background while any task waits for it.

    It is read again when `listener` hears of a later one, and after `poll_interval` seconds in which no other
    process has looked. `name` says in log messages what has this position.
    """

    def __init__(
        self, name: str, read: Callable[[], Awaitable[int]], listener: TopicListener, poll_interval: float
    ) -> None:
        self._read = read
        self._listener = listener
        self._poll_interval = poll_interval
        self._waiters = PositionWaiters()
        self._waiting = 0
        self._failure: Exception | None = None
        self._loop = BackgroundLoop(
            self._look,
            f"the position of {name} cannot be read",
            logger,
            backoff=Backoff(cap=poll_interval),
            sleep=self._rest,
            on_failure=self._fail,
        )

    async def reach(self, position: int, within: float) -> int:
        """Return the position once it is `position` or more, or as it is after `within` seconds.

        Raises what `read` raises, such as Unavailable.
        """
        self._enter()
        try:
            if await self._waiters.reach(position, within):
                return self._waiters.highest
            if self._failure is not None:
                raise self._failure
            return await self._read()
        finally:
            self._leave()

    def _enter(self) -> None:
        self._waiting += 1
        if self._waiting == 1:
            # What was read before may be out of date by now, and even too high after a rebuild from zero.
            self._waiters.move_to(0)
            self._failure = None
            self._loop.start()

    def _leave(self) -> None:
        self._waiting -= 1
        if not self._waiting:
            self._loop.cancel()

    async def _look(self) -> float:
        position = await self._read()
        self._failure = None
        self._waiters.move_to(position)
        return self._poll_interval

    async def _rest(self, pause: float) -> None:
        await self._listener.rest(pause, beyond=self._waiters.highest)

    async def _fail(self, error: Exception) -> None:
        self._failure = error
        self._waiters.notify(RECHECK)

"""Waiting until a consumer has come far enough, with one read for all who wait in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from domain.kernel.errors import Unavailable
from subscriptions.feed.listeners import TopicListener


class Progress:
    """How far a consumer is, as `read` tells. `listener` is told of its checkpoints.

    `poll_interval`, in seconds, is how late one is noticed at most where it is not, and nobody else looks.
    """

    def __init__(
        self, read: Callable[[], Awaitable[int]], listener: TopicListener, poll_interval: float
    ) -> None:
        self._read = read
        self._listener = listener
        self._poll_interval = poll_interval
        self._waiting = 0
        self._task: asyncio.Task[None] | None = None
        self._looked = asyncio.Event()
        self._reached = 0
        self._failure: Unavailable | None = None

    async def reach(self, position: int, within: float) -> int:
        """The consumer's position once that is `position` or more, or as it is after `within` seconds.

        Raises Unavailable where MongoDB does not answer.
        """
        self._enter()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(within):
                    while self._reached < position:
                        await self._looked.wait()
                        if self._failure is not None:
                            raise self._failure
                    return self._reached
            return await self._read()
        finally:
            self._leave()

    def _enter(self) -> None:
        self._waiting += 1
        if self._task is None:
            self._reached = 0
            self._task = asyncio.create_task(self._look())

    def _leave(self) -> None:
        self._waiting -= 1
        if not self._waiting and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _look(self) -> None:
        while True:
            try:
                self._reached, self._failure = await self._read(), None
            except Unavailable as error:
                self._failure = error
            self._looked.set()
            self._looked = asyncio.Event()
            await self._listener.rest(self._poll_interval, beyond=self._reached)

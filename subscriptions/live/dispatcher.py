"""Following a tail once for all topics of a process."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, aclosing
from typing import Generic, TypeVar

from subscriptions.feed.background import BackgroundLoop, Backoff
from subscriptions.feed.position_waiters import PositionWaiters
from subscriptions.feed.tail import Batch, Tail

logger = logging.getLogger(__name__)

T = TypeVar("T")

WORK_AT_ONCE = 5_000
"""Topics times items that are handled in one go; then other tasks have a turn."""


LINGER = 1.0
"""Seconds for which a process that serves clients follows a tail after the last handler has left."""


class Dispatcher(Generic[T]):
    """One cursor into a tail, which runs while a handler is attached, and `linger` seconds longer.

    To begin reads MongoDB several times: a client that opens and closes the only subscription again and again
    must not cause that. `position`: the handlers have had everything up to it; -1 until it is known. `start`
    reads the position where the cursor begins. A handler must not raise.
    """

    def __init__(self, tail: Tail[T], start: Callable[[], Awaitable[int]], linger: float = 0.0) -> None:
        self._tail = tail
        self._linger = linger
        self._ending: asyncio.TimerHandle | None = None
        self._read_start = start
        self._handlers: Counter[Callable[[Sequence[T]], None]] = Counter()
        self._backoff = Backoff()
        symptom = f"{type(tail).__name__} is not followed"
        self._loop = BackgroundLoop(self._follow, symptom, logger, backoff=self._backoff)
        self._keeping_tail_live = ExitStack()
        self._started: asyncio.Future[None] | None = None
        self._waiters = PositionWaiters()
        self.position = -1

    @property
    def erasure(self) -> int:
        """The position of the last known erasure; what was read before it must not be delivered."""
        return self._tail.erasure

    @property
    def floor(self) -> int:
        """The position at which all items that the handlers have had are, or later: see `Place`."""
        return self._tail.floor(self.position)

    def attach(self, handler: Callable[[Sequence[T]], None]) -> None:
        """Give the handler what follows `position`; a handler may be attached once for each of its topics."""
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None
        elif not self._handlers:
            self._begin()
        self._handlers[handler] += 1

    def detach(self, handler: Callable[[Sequence[T]], None]) -> None:
        """Undo one `attach`; without any handler the tail is soon not followed any more."""
        self._handlers[handler] -= 1
        if not self._handlers[handler]:
            del self._handlers[handler]
        if self._handlers:
            return
        if self._linger:
            self._ending = asyncio.get_running_loop().call_later(self._linger, self._end)
        else:
            self._end()

    def close(self) -> None:
        """Linger no more: the process stops. A dispatcher that has a handler goes on."""
        self._linger = 0.0
        if self._ending is not None:
            self._ending.cancel()
            self._end()

    async def started(self) -> None:
        """Wait until `position` is known. Raises Unavailable if MongoDB does not answer."""
        while self.position < 0:
            assert self._started is not None
            await asyncio.shield(self._started)

    async def reach(self, position: int, within: float | None = None) -> bool:
        """Wait until the handlers have had everything up to `position`.

        Returns False if that takes more than `within` seconds.
        """
        if self.position >= position:
            return True
        self._tail.notify(position)
        return await self._waiters.wait(position, within)

    def _begin(self) -> None:
        self.position = -1
        self._started = asyncio.get_running_loop().create_future()
        self._keeping_tail_live.enter_context(self._tail.live())
        self._loop.start()

    def _end(self) -> None:
        self._ending = None
        self._loop.cancel()
        self._keeping_tail_live.close()

    async def _follow(self) -> float:
        """Pass on batches until one was read before an erasure: it must be read again."""
        if self.position < 0:
            await self._start()
        async with aclosing(self._tail.follow(self.position)) as batches:
            async for batch in batches:
                for items, position in self._parts(batch):
                    if batch.erasure != self._tail.erasure:
                        return 0.0
                    for handler in list(self._handlers):
                        handler(items)
                    self._advance(position)
                    if position < batch.position:
                        await asyncio.sleep(0)
                self._backoff.reset()
        return 0.0

    async def _start(self) -> None:
        assert self._started is not None
        try:
            self._advance(await self._read_start())
        except Exception as error:
            failed, self._started = self._started, asyncio.get_running_loop().create_future()
            failed.set_exception(error)
            # If no task waits, asyncio must not report the error as unhandled.
            failed.exception()
            raise
        self._started.set_result(None)

    def _parts(self, batch: Batch[T]) -> Iterator[tuple[Sequence[T], int]]:
        """Split the batch at positions, if the work for it would take long."""
        items, start, size = batch.items, 0, WORK_AT_ONCE // max(self._handlers.total(), 1)
        if len(items) <= size:
            yield items, batch.position
            return
        while start < len(items):
            position = self._tail.position(items[min(start + size, len(items) - 1)])
            end = next(
                (n for n in range(start, len(items)) if self._tail.position(items[n]) > position), len(items)
            )
            yield items[start:end], batch.position if end == len(items) else position
            start = end
        if not items:
            yield items, batch.position

    def _advance(self, position: int) -> None:
        self.position = position
        self._waiters.notify(position)

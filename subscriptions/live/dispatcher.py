"""Follows a tail for all groups of a hub, as long as there are any."""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from itertools import count
from typing import Generic, TypeVar

from eventstore.background import Backoff
from subscriptions.feed.tail import Batch, Tail

logger = logging.getLogger(__name__)

T = TypeVar("T")

AT_ONCE = 5_000
"""Groups times items that are told in one go; then others have a turn."""


class Dispatcher(Generic[T]):
    """One cursor into the tail; `position` is how far all groups have been told, -1 while that is not known.

    `head` reads where to begin; `tell` is handed the items behind `position`, up to another one.
    """

    def __init__(
        self, tail: Tail[T], head: Callable[[], Awaitable[int]], tell: Callable[[Sequence[T]], None]
    ) -> None:
        self._tail = tail
        self._read_head = head
        self._tell = tell
        self._groups = 0
        self._task: asyncio.Task[None] | None = None
        self._asked: asyncio.Task[int] | None = None
        self._waiting: list[tuple[int, int, asyncio.Event]] = []
        self._number = count()
        self.position = -1

    def enter(self) -> None:
        """One more group."""
        self._groups += 1
        if self._task is None:
            self.position = -1
            self._task = asyncio.create_task(self._run())

    def leave(self) -> None:
        """One less; without any nothing is followed."""
        self._groups -= 1
        if not self._groups and self._task is not None:
            self._task.cancel()
            self._task = None

    async def head(self) -> int:
        """The head, as it is read after this was called; all who ask at once share a reading."""
        if self._asked is None:
            self._asked = asyncio.create_task(self._ask())
        return await asyncio.shield(self._asked)

    async def reach(self, position: int) -> None:
        """Wait until all groups have been told what is up to this position."""
        if self.position < position:
            self._tail.notify(position)
            reached = asyncio.Event()
            heapq.heappush(self._waiting, (position, next(self._number), reached))
            await reached.wait()

    async def _ask(self) -> int:
        self._asked = None
        return await self._read_head()

    async def _run(self) -> None:
        backoff = Backoff()
        with self._tail.live():
            while True:
                try:
                    if self.position < 0:
                        self._moved(await self._read_head())
                    await self._follow()
                    backoff.reset()
                except Exception as error:
                    logger.exception("subscribers of %s wait", type(self._tail).__name__)
                    await asyncio.sleep(backoff.pause(error))

    async def _follow(self) -> None:
        """Until something was read before an erasure: it is to be read again."""
        async with aclosing(self._tail.follow(self.position)) as batches:
            async for batch in batches:
                for items, position in self._parts(batch):
                    if batch.erasure != self._tail.erasure:
                        return
                    self._tell(items)
                    self._moved(position)
                    if position < batch.position:
                        await asyncio.sleep(0)

    def _parts(self, batch: Batch[T]) -> Iterator[tuple[Sequence[T], int]]:
        """The batch, in parts of whole positions where much is to be done for it."""
        items, at = batch.items, 0
        while at < len(items):
            position = self._tail.position(items[min(at + AT_ONCE // max(self._groups, 1), len(items) - 1)])
            end = next(
                (n for n in range(at, len(items)) if self._tail.position(items[n]) > position), len(items)
            )
            yield items[at:end], batch.position if end == len(items) else position
            at = end
        if not items:
            yield items, batch.position

    def _moved(self, position: int) -> None:
        self.position = position
        while self._waiting and self._waiting[0][0] <= position:
            heapq.heappop(self._waiting)[2].set()

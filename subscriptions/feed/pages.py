"""Pages of the log: read and decoded once for all cursors of a process that are near to each other."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from weakref import WeakSet

from domain.kernel import Commit

PAGE = 1_000
"""Commits in a page."""

WINDOW = 4
"""Most pages between cursors that read together: the first one waits there for the last one."""

PATIENCE = 1.0
"""Seconds without a move after which a cursor no longer counts as reading."""

MAX_PAGES = 2 * WINDOW
"""Most pages in memory."""


class PageCursor:
    """The page that one reader is at. It counts until its reader drops it."""

    def __init__(self) -> None:
        self.at = 0
        self.moved = 0.0


class Pages:
    """The pages that were read last, and the page after them. `read` reads commits as a LogReader does.

    Page n holds the positions from n * PAGE + 1 on. Pages are dropped soon after the last cursor has moved.
    """

    def __init__(
        self, read: Callable[[int, int], Awaitable[Sequence[Commit]]], patience: float = PATIENCE
    ) -> None:
        self._read = read
        self._patience = patience
        self._pages: OrderedDict[int, asyncio.Task[Sequence[Commit]]] = OrderedDict()
        self._running: set[asyncio.Task[Sequence[Commit]]] = set()
        self._cursors: WeakSet[PageCursor] = WeakSet()
        self._moved = asyncio.Event()
        self._ending: asyncio.TimerHandle | None = None

    async def get(self, number: int, cursor: PageCursor, head: int) -> Sequence[Commit]:
        """Return a page, which is not whole if the log has a hole in it. Raises Unavailable.

        If `head` covers the next page, that one is read ahead.
        """
        self._move(cursor, number)
        await self._wait_for_slower(number, cursor)
        page = await asyncio.shield(self._page(number))
        if (number + 2) * PAGE <= head:
            self._page(number + 1)
        return page

    def forget(self) -> None:
        """Drop all pages; a reader that waits for one still gets it."""
        self._pages.clear()

    def close(self) -> None:
        """Stop all reads, after the last reader has left."""
        self.forget()
        for task in self._running:
            task.cancel()
        if self._ending is not None:
            self._ending.cancel()

    def _page(self, number: int) -> asyncio.Task[Sequence[Commit]]:
        if number not in self._pages:
            self._pages[number] = task = asyncio.ensure_future(self._read(number * PAGE, PAGE))
            self._running.add(task)
            task.add_done_callback(lambda task: self._finish(number, task))
        self._pages.move_to_end(number)
        while len(self._pages) > MAX_PAGES:
            self._pages.popitem(last=False)
        return self._pages[number]

    def _finish(self, number: int, task: asyncio.Task[Sequence[Commit]]) -> None:
        self._running.discard(task)
        failed = task.cancelled() or task.exception() is not None
        if (failed or len(task.result()) < PAGE) and self._pages.get(number) is task:
            del self._pages[number]

    def _move(self, cursor: PageCursor, number: int) -> None:
        loop = asyncio.get_running_loop()
        self._cursors.add(cursor)
        cursor.at, cursor.moved = number, time.monotonic()
        self._moved.set()
        self._moved = asyncio.Event()
        if self._ending is not None:
            self._ending.cancel()
        self._ending = loop.call_later(self._patience, self.forget)

    async def _wait_for_slower(self, number: int, cursor: PageCursor) -> None:
        """Wait for cursors so far behind that the pages they need would be dropped, and read twice."""
        while slower := list(self._slower(number, cursor)):
            last_move = max(other.moved for other in slower)
            moved, left = self._moved, self._patience - (time.monotonic() - last_move)
            try:
                async with asyncio.timeout(left):
                    await moved.wait()
            except TimeoutError:
                return

    def _slower(self, number: int, cursor: PageCursor) -> Iterator[PageCursor]:
        since = time.monotonic() - self._patience
        for other in self._cursors:
            if other is not cursor and other.moved > since and WINDOW <= number - other.at < 2 * WINDOW:
                yield other

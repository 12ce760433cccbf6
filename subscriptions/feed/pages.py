"""Pages of the log, read and decoded once for all cursors of a process that are near to each other."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from weakref import WeakSet

from domain.kernel import Commit

PAGE = 1_000
"""Commits of a page."""

WINDOW = 4
"""Pages that lie between the first and the last of cursors that go together; the last one is waited for."""

PATIENCE = 1.0
"""Seconds for which a cursor that does not move counts as one that goes along."""

KEPT = 2 * WINDOW
"""Pages in memory at most."""


class PageCursor:
    """Where one reader is. Who holds none any more does not count."""

    def __init__(self) -> None:
        self.at = 0
        self.moved = 0.0


class Pages:
    """The latest pages that were asked for, and the one after the last. `read` reads commits as a LogReader.

    Page n holds the positions from n * PAGE + 1 on. Pages are forgotten soon after nobody moves any more.
    """

    def __init__(self, read: Callable[[int, int], Awaitable[Sequence[Commit]]]) -> None:
        self._read = read
        self._pages: OrderedDict[int, asyncio.Task[Sequence[Commit]]] = OrderedDict()
        self._running: set[asyncio.Task[Sequence[Commit]]] = set()
        self._cursors: WeakSet[PageCursor] = WeakSet()
        self._moved = asyncio.Event()
        self._ending: asyncio.TimerHandle | None = None

    async def get(self, number: int, cursor: PageCursor, head: int) -> Sequence[Commit]:
        """The page, whole but where the log has a hole in it; the next is read ahead where `head` covers it.

        Raises Unavailable.
        """
        self._move(cursor, number)
        await self._let_others_follow(number, cursor)
        page = await asyncio.shield(self._page(number))
        if (number + 2) * PAGE <= head:
            self._page(number + 1)
        return page

    def forget(self) -> None:
        """Keep nothing of what was read up to now; who waits for a page still gets it."""
        self._pages.clear()

    def close(self) -> None:
        """Nobody reads any more."""
        self.forget()
        for task in self._running:
            task.cancel()
        if self._ending is not None:
            self._ending.cancel()

    def _page(self, number: int) -> asyncio.Task[Sequence[Commit]]:
        if number not in self._pages:
            self._pages[number] = task = asyncio.ensure_future(self._read(number * PAGE, PAGE))
            self._running.add(task)
            task.add_done_callback(lambda task: self._is_read(number, task))
        self._pages.move_to_end(number)
        while len(self._pages) > KEPT:
            self._pages.popitem(last=False)
        return self._pages[number]

    def _is_read(self, number: int, task: asyncio.Task[Sequence[Commit]]) -> None:
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
        self._ending = loop.call_later(PATIENCE, self.forget)

    async def _let_others_follow(self, number: int, cursor: PageCursor) -> None:
        """Wait for those who are as far behind as pages are kept: what they need would be read twice."""
        while behind := list(self._close_behind(number, cursor)):
            moved, left = self._moved, PATIENCE - (time.monotonic() - max(one.moved for one in behind))
            try:
                async with asyncio.timeout(left):
                    await moved.wait()
            except TimeoutError:
                return

    def _close_behind(self, number: int, cursor: PageCursor) -> Iterator[PageCursor]:
        since = time.monotonic() - PATIENCE
        for one in self._cursors:
            if one is not cursor and one.moved > since and WINDOW <= number - one.at < 2 * WINDOW:
                yield one

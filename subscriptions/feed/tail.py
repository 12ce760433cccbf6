"""One live tail for each process: a ring of what came last, and any number of cursors into it.

The tail looks for news when it is woken, and at each poll where nobody else is heard to look. No cursor
ever depends on a message: what it has not had is in the ring, or it reads it from MongoDB itself. A slow
cursor costs no memory.
"""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_right
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from subscriptions.feed.backoff import Backoff
from subscriptions.feed.listeners import TopicListener

logger = logging.getLogger(__name__)

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

RING = 10_000
"""Items that a ring holds."""

BATCH = 500
"""Items that are read or handed out at once."""


@dataclass(frozen=True, slots=True)
class Batch(Generic[T]):
    """All items behind the cursor's last place, up to and including `position`, in order.

    `caught_up`: all that was there when the cursor was opened has been handed out. `erasure` is the last one
    that the tail had met when it read them: once it has met a later one, what they hold may be erased.
    """

    items: Sequence[T]
    position: int
    caught_up: bool
    erasure: int = 0


class TailReader(Protocol[T_co]):
    """Reads on from any position."""

    async def read(self, after: int, limit: int) -> tuple[Sequence[T_co], int]:
        """The next items behind `after`, and the position up to which they are all; `after` where none is."""


class TailSource(Protocol[T]):
    """What a tail is the tail of. Items are in the order of their positions, several may have the same."""

    async def head(self) -> int: ...
    def reader(self) -> TailReader[T]: ...
    def position(self, item: T) -> int: ...

    def erasure(self, items: Sequence[T]) -> int:
        """The last position among the items at which a subject was erased, 0 for none.

        What is read from there on holds nothing of it.
        """

    def edition(self) -> int:
        """Another one where all items were made anew since: one that did not change may read otherwise."""


class TailRing(Generic[T]):
    """The latest items: all whose position is above `start` and at most `end`."""

    def __init__(self, source: TailSource[T], start: int, size: int) -> None:
        self._source = source
        self._items: deque[T] = deque()
        self._size = size
        self.start = start
        self.end = start

    def push(self, items: Sequence[T], end: int) -> None:
        """Add what follows, whole positions, and forget the oldest beyond the ring's size."""
        self._items.extend(items)
        self.end = end
        while len(self._items) > self._size:
            self.start = self._source.position(self._items.popleft())
        while self._items and self._source.position(self._items[0]) == self.start:
            self._items.popleft()

    def forget(self) -> None:
        """Let go of all that is there, so that it is read again by whoever is behind."""
        self._items.clear()
        self.start = self.end

    def after(self, position: int, limit: int) -> tuple[Sequence[T], int]:
        """As `TailReader.read`, for a position not before `start`."""
        first = bisect_right(self._items, position, key=self._source.position)
        last = len(self._items)
        if last - first <= limit:
            return [self._items[i] for i in range(first, last)], max(position, self.end)
        cut = self._source.position(self._items[first + limit])
        last = bisect_right(self._items, cut - 1, lo=first, key=self._source.position)
        if last == first:
            last = bisect_right(self._items, cut, lo=first, key=self._source.position)
        items = [self._items[i] for i in range(first, last)]
        return items, self._source.position(items[-1])


class Tail(Generic[T]):
    """The live end of a source, shared by all cursors of this process; `cursors` counts them.

    Without a cursor it reads nothing. `erasure` is the last erasure that it has met, and `edition` is the
    source's, 0 until it is known: its ring holds nothing that was read before.
    """

    def __init__(self, source: TailSource[T], listener: TopicListener, poll_interval: float) -> None:
        self._source = source
        self._listener = listener
        self._poll_interval = poll_interval
        self._ring: TailRing[T] | None = None
        self.cursors = 0
        self.erasure = 0
        self.edition = 0
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def head(self) -> int:
        """The position that the source has reached."""
        return await self._source.head()

    @property
    def reached(self) -> int:
        """How far the tail has read by now; 0 while it has no cursor."""
        return self._ring.end if self._ring is not None else 0

    def position(self, item: T) -> int:
        """Where the item is."""
        return self._source.position(item)

    def notify(self, position: int) -> None:
        """Somebody has seen that the source has reached this position."""
        self._listener.notify(position)

    @contextmanager
    def live(self) -> Iterator[None]:
        """Keep the tail running, so that `erasure` is up to date."""
        self._enter()
        try:
            yield
        finally:
            self._leave()

    async def follow(
        self, after: int, *, tick: Callable[[], float | None] = lambda: None
    ) -> AsyncGenerator[Batch[T], None]:
        """All items behind position `after`, once and in order: from MongoDB until near the head, then live.

        The first batch that has caught up comes even when it is empty. Where `tick` says so, an empty batch
        comes after so many seconds without news. One comes also with each new edition. Raises Unavailable
        where MongoDB cannot be read while catching up.
        """
        with self.live():
            goal = await self._source.head()
            self._listener.notify(goal)
            reader = self._source.reader()
            position, caught_up, known = after, False, self.edition
            while True:
                news, erasure, edition = self._news, self.erasure, self.edition
                items, reached = await self._next(reader, position)
                if reached > position or (not caught_up and position >= goal):
                    position, caught_up = reached, caught_up or reached >= goal
                    yield Batch(items, position, caught_up, erasure)
                elif edition != known:
                    known = edition
                    yield Batch((), position, caught_up, erasure)
                elif not await self._wait(news, position, tick()):
                    yield Batch((), position, caught_up, erasure)

    async def _next(self, reader: TailReader[T], position: int) -> tuple[Sequence[T], int]:
        if self._ring is not None and position >= self._ring.start:
            return self._ring.after(position, BATCH)
        return await reader.read(position, BATCH)

    async def _wait(self, news: asyncio.Event, position: int, tick: float | None) -> bool:
        """Whether to look again; False when `tick` seconds brought nothing."""
        live = self._ring is not None and position >= self._ring.start
        timeout = tick if live else self._poll_interval
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await news.wait()
            return True
        return not live

    def _enter(self) -> None:
        self.cursors += 1
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    def _leave(self) -> None:
        self.cursors -= 1
        if not self.cursors:
            self._end()

    def _end(self) -> None:
        """Nobody reads any more."""
        if self._task is not None:
            self._task.cancel()
            self._task = self._ring = None
            self.edition = 0

    def _forget(self) -> None:
        """Let go of what was read before an erasure, so that it is read again."""
        if self._ring is not None:
            self._ring.forget()

    async def _run(self) -> None:
        """Keep the ring at the source's head, until the last cursor leaves."""
        backoff = Backoff(cap=self._poll_interval)
        reader = self._source.reader()
        while True:
            try:
                await self._advance(reader)
                backoff.reset()
            except Exception:
                logger.exception("the tail of %s cannot read; trying again", type(self._source).__name__)
                await asyncio.sleep(backoff.pause())

    async def _advance(self, reader: TailReader[T]) -> None:
        if self._ring is None:
            head = await self._source.head()
            self._ring = TailRing(self._source, head, RING)
            # What came up to here was not looked at, and may be an erasure.
            self.erasure = max(self.erasure, head)
            self._forget()
            self._tell()
        items, end = await reader.read(self._ring.end, BATCH)
        if self._source.edition() != self.edition:
            self.edition = self._source.edition()
            self._ring.forget()
            self._tell()
        if end > self._ring.end:
            erasure = self._source.erasure(items)
            if erasure > self.erasure:
                self.erasure = erasure
                self._forget()
            self._ring.push(items, end)
            self._tell()
        if len(items) < BATCH:
            await self._rest(self._ring.end)

    async def _rest(self, position: int) -> None:
        """Until it is time to look again for what is beyond `position`, where the source ended just now."""
        await self._listener.rest(self._poll_interval, beyond=position)

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

"""The live tail of a source: one for each process, with any number of cursors.

The tail keeps a ring of the latest items. It looks for new ones when it is woken, and after each poll
interval in which no other process is known to look. No cursor depends on a message: what it has not had yet
is in the ring, or the cursor reads it from MongoDB itself. A slow cursor costs no memory.
"""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from subscriptions.feed.background import BackgroundLoop, Backoff
from subscriptions.feed.cursor_waiters import CursorWaiters, Wake
from subscriptions.feed.position_waiters import TopicListener

logger = logging.getLogger(__name__)

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

RING_SIZE = 10_000
"""Most items in a ring."""

BATCH_SIZE = 500
"""Most items that are read or handed to a cursor at once."""


@dataclass(frozen=True, slots=True)
class Batch(Generic[T]):
    """All items after the cursor's last position, up to and including `position`, in order.

    `caught_up`: the cursor has had all that was there when it was opened. `erasure` is the last erasure that
    the tail knew when the items were read: if it knows a later one by now, the items may hold erased data.
    `held_back`: the tail has kept the items for a moment, because none of them concerned the cursor.
    """

    items: Sequence[T]
    position: int
    caught_up: bool
    erasure: int = 0
    held_back: bool = False


class TailReader(Protocol[T_co]):
    """Reads a source from any position on."""

    async def read(self, after: int, limit: int) -> tuple[Sequence[T_co], int]:
        """Return the next items after `after`, and the position up to which they are complete.

        Without any item that position is `after`.
        """


class TailSource(Protocol[T]):
    """What a tail follows. Its items are in the order of their positions; several may have the same one."""

    async def head(self) -> int:
        """Return the position of the last item."""

    def reader(self) -> TailReader[T]:
        """Return a new reader for one cursor."""

    def position(self, item: T) -> int:
        """Return the position of an item."""

    def erasure(self, items: Sequence[T]) -> int:
        """Return the last position among the items at which a subject was erased, 0 if there is none.

        Items that are read later hold nothing of that subject.
        """

    def edition(self) -> int:
        """Return a number that changes when all items were made again, such as by a rebuild.

        An item that did not change since may then read differently.
        """


class TailRing(Generic[T]):
    """The latest items: all whose position is above `start` and at most `end`."""

    def __init__(self, source: TailSource[T], start: int, size: int) -> None:
        self._source = source
        self._items: deque[T] = deque()
        self._size = size
        self.start = start
        self.end = start

    def push(self, items: Sequence[T], end: int) -> None:
        """Add the items that follow, and drop the oldest beyond the ring's size, by whole positions."""
        self._items.extend(items)
        self.end = end
        while len(self._items) > self._size:
            self.start = self._source.position(self._items.popleft())
        while self._items and self._source.position(self._items[0]) == self.start:
            self._items.popleft()

    def forget(self) -> None:
        """Drop all items, so that cursors that are behind read them again."""
        self._items.clear()
        self.start = self.end

    def after(self, position: int, limit: int) -> tuple[Sequence[T], int]:
        """Return the next items as `TailReader.read` does, for a position not before `start`."""
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

    Without a cursor it reads nothing. `erasure` is the last erasure that it knows. `edition` is the source's
    edition, 0 until it is known; the ring holds only items of that edition.
    """

    def __init__(
        self,
        source: TailSource[T],
        listener: TopicListener,
        poll_interval: float,
        *,
        ring_size: int = RING_SIZE,
        batch_size: int = BATCH_SIZE,
    ) -> None:
        self._source = source
        self._ring_size = ring_size
        self._batch_size = batch_size
        self._listener = listener
        self._poll_interval = poll_interval
        self._ring: TailRing[T] | None = None
        self.cursors = 0
        self.erasure = 0
        self.edition = 0
        self._waiters: CursorWaiters[T] = CursorWaiters()
        self._backoff = Backoff(cap=poll_interval)
        symptom = f"the tail of {type(source).__name__} cannot read"
        self._loop = BackgroundLoop(self._run, symptom, logger, backoff=self._backoff)

    async def head(self) -> int:
        """Return the position that the source has reached."""
        return await self._source.head()

    @property
    def reached(self) -> int:
        """The position up to which the tail has read; 0 while it has no cursor."""
        return self._ring.end if self._ring is not None else 0

    def position(self, item: T) -> int:
        """Return the position of an item."""
        return self._source.position(item)

    def floor(self, position: int) -> int:
        """Return the floor of the place at which a cursor is that has had everything up to this position."""
        return position

    def notify(self, position: int) -> None:
        """Announce that the source has reached this position."""
        self._listener.notify(position)

    @contextmanager
    def live(self) -> Iterator[None]:
        """Keep the tail running inside the context, so that `erasure` is up to date."""
        self._enter()
        try:
            yield
        finally:
            self._leave()

    async def follow(
        self,
        after: int,
        *,
        tick: Callable[[], float | None] = lambda: None,
        concerns: Callable[[T], bool] | None = None,
    ) -> AsyncGenerator[Batch[T], None]:
        """Yield all items after position `after`, once and in order: from MongoDB, then from the ring.

        The batch that catches up with the source comes even if it is empty. An empty batch also comes after
        `tick()` seconds without a new item, if that is not None, and with each new edition. An item for which
        `concerns` returns False does not come at once, but soon: see `CursorWaiters`. Raises Unavailable if
        MongoDB cannot be read while catching up.
        """
        with self.live():
            goal = await self._source.head()
            self._listener.notify(goal)
            reader = self._source.reader()
            position, caught_up, seen_edition = after, False, self.edition
            wake = Wake.AT_ONCE
            while True:
                erasure, edition, end = self.erasure, self.edition, self.reached
                items, reached = await self._next(reader, position)
                if reached > position or (not caught_up and position >= goal):
                    position, caught_up = reached, caught_up or reached >= goal
                    yield Batch(items, position, caught_up, erasure, wake is Wake.LATER)
                    wake = Wake.AT_ONCE
                elif edition != seen_edition:
                    seen_edition = edition
                    yield Batch((), position, caught_up, erasure)
                elif (edition, end) != (self.edition, self.reached):
                    # The tail went on while this cursor read: it looks again at once.
                    continue
                elif (wake := await self._wait(position, tick(), concerns)) is Wake.TIMEOUT:
                    yield Batch((), position, caught_up, erasure)

    async def _next(self, reader: TailReader[T], position: int) -> tuple[Sequence[T], int]:
        if self._ring is not None and position >= self._ring.start:
            return self._ring.after(position, self._batch_size)
        return await reader.read(position, self._batch_size)

    async def _wait(self, position: int, tick: float | None, concerns: Callable[[T], bool] | None) -> Wake:
        """Wait for something after `position`, or until `tick` seconds brought nothing."""
        if self._ring is not None and position >= self._ring.start:
            return await self._waiters.wait(concerns, tick)
        await self._waiters.wait(None, self._poll_interval)
        return Wake.AT_ONCE

    def _enter(self) -> None:
        self.cursors += 1
        if self.cursors == 1:
            self._begin()

    def _leave(self) -> None:
        self.cursors -= 1
        if not self.cursors:
            self._end()

    def _begin(self) -> None:
        """Start to read, with the first cursor."""
        self._loop.start()

    def _end(self) -> None:
        """Stop reading, after the last cursor has left."""
        self._loop.cancel()
        self._ring = None
        self.edition = 0

    def _forget(self) -> None:
        """Drop what was read before an erasure, so that it is read again."""
        if self._ring is not None:
            self._ring.forget()

    async def _run(self) -> None:
        """Keep the ring at the source's head, until the last cursor leaves."""
        reader = self._source.reader()
        while True:
            await self._advance(reader)
            self._backoff.reset()

    async def _advance(self, reader: TailReader[T]) -> None:
        if self._ring is None:
            head = await self._source.head()
            self._ring = TailRing(self._source, head, self._ring_size)
            # No item up to here was looked at, and one may be an erasure.
            self.erasure = max(self.erasure, head)
            self._forget()
            self._waiters.notify_all()
        items, end = await self._read_on(reader, self._ring.end)
        if self._source.edition() != self.edition:
            self.edition = self._source.edition()
            self._ring.forget()
            self._waiters.notify_all()
        if end > self._ring.end:
            erasure = self._source.erasure(items)
            if erasure > self.erasure:
                self.erasure = erasure
                self._forget()
            self._ring.push(items, end)
            self._waiters.notify(items)
        if len(items) < self._batch_size:
            await self._rest(self._ring.end)

    async def _read_on(self, reader: TailReader[T], position: int) -> tuple[Sequence[T], int]:
        """Return what follows `position`, as `TailReader.read` does."""
        return await reader.read(position, self._batch_size)

    async def _rest(self, position: int) -> None:
        """Wait until it is time to look again for items after `position`, the source's end just now."""
        await self._listener.rest(self._poll_interval, beyond=position)

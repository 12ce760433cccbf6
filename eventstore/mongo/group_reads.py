"""Reads that requests share: each begins after all the requests that it serves have arrived."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Hashable, Iterator, Mapping
from contextvars import Context
from typing import Any

from eventstore.mongo.deadline import deadline

Load = Callable[[Collection[Any]], Awaitable[Mapping[Any, Any]]]
"""Reads items, and returns their values; an item without a value is missing in the mapping."""

PATIENCE = 0.01
"""Seconds that a read waits for the one before it: slow reads do not line up."""

MAX_ITEMS = 200
"""Items of one read."""


class GroupReads:
    """Groups reads of one kind, so that many requests cost MongoDB and this process one read.

    A read that has begun is never used for a request that arrives later, because it may have missed what was
    written before that request. The next read serves all requests that arrive until it begins. MongoDB ends a
    read after `seconds`. One that nobody waits for any more is cancelled.

    With `begins_at_once`, a request that would be alone in its read does not wait for a turn of the event
    loop. After a read for several requests the next ones are grouped, until one is alone again.
    """

    def __init__(self, seconds: float, *, begins_at_once: bool = False) -> None:
        self._seconds = seconds
        self._begins_at_once = begins_at_once
        self._is_shared = False
        """Whether the last group had several requests."""
        self._next: dict[Hashable, _Group] = {}
        self._running: dict[Hashable, asyncio.Future[None]] = {}

    async def read(self, key: Hashable, item: Hashable, load: Load) -> Any:
        """Return the value of an item, None if it has none; `load` reads items under the same key.

        Raises what `load` raises.
        """
        if self._begins_at_once and not (self._is_shared or key in self._next or key in self._running):
            return await self._read_alone(key, item, load)
        return await self._group(key, item, load).value(item)

    async def _read_alone(self, key: Hashable, item: Hashable, load: Load) -> Any:
        """Read the item for one request; requests that arrive during the read wait for its end."""
        end = self._running[key] = asyncio.get_running_loop().create_future()
        try:
            with deadline(self._seconds):
                return (await load((item,))).get(item)
        finally:
            if self._running.get(key) is end:
                del self._running[key]
            end.set_result(None)

    def join(self, key: Hashable, item: Hashable, load: Load) -> asyncio.Future[Any]:
        """Return a future of what `read` returns. It is not to be cancelled: the read goes on."""
        return self._group(key, item, load).join(item)

    def _group(self, key: Hashable, item: Hashable, load: Load) -> _Group:
        """Return the next group under the key that can read the item."""
        group = self._next.get(key)
        if group is None or not group.accepts(item):
            group = self._next[key] = _Group(load)
            # In a context of its own: it has neither the deadline nor the trace of one of its requests.
            group.task = asyncio.create_task(self._run(key, group), context=Context())
        return group

    async def _run(self, key: Hashable, group: _Group) -> None:
        try:
            if (before := self._running.get(key)) is not None:
                await asyncio.wait({before}, timeout=PATIENCE)
        finally:
            if self._next.get(key) is group:
                del self._next[key]
            self._is_shared = group.waiters > 1
        assert group.task is not None
        self._running[key] = group.task
        try:
            with deadline(self._seconds):
                await group.run()
        finally:
            if self._running.get(key) is group.task:
                del self._running[key]


class _Group:
    """One read, and the requests that wait for it."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._waiting: dict[Hashable, list[asyncio.Future[Any]]] = {}
        self.waiters = 0
        self._is_left = False
        """Whether every request has gone."""
        self.task: asyncio.Task[None] | None = None

    def accepts(self, item: Hashable) -> bool:
        """Return whether the item can be read too, if the read has not begun."""
        return not self._is_left and (item in self._waiting or len(self._waiting) < MAX_ITEMS)

    async def value(self, item: Hashable) -> Any:
        """Wait for the read, and return the item's value."""
        future = self.join(item)
        try:
            return await future
        except asyncio.CancelledError:
            self._leave()
            raise

    def join(self, item: Hashable) -> asyncio.Future[Any]:
        """Return a future of the item's value."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(item, []).append(future)
        self.waiters += 1
        return future

    def _leave(self) -> None:
        self.waiters -= 1
        if not self.waiters and self.task is not None:
            self._is_left = True
            self.task.cancel()

    async def run(self) -> None:
        """Read, and give each request its value or the error."""
        try:
            values = await self._load(self._waiting.keys())
        except Exception as error:
            for _, future in self._unanswered():
                future.set_exception(error)
        except asyncio.CancelledError:
            for _, future in self._unanswered():
                future.cancel()
            raise
        else:
            for item, future in self._unanswered():
                future.set_result(values.get(item))

    def _unanswered(self) -> Iterator[tuple[Hashable, asyncio.Future[Any]]]:
        """Yield the futures of the requests that have not gone, with their items."""
        for item, futures in self._waiting.items():
            for future in futures:
                if not future.done():
                    yield item, future

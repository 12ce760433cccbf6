"""Rendering that the subscribers of a topic share: each message is rendered once for all of them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from types import CoroutineType
from typing import Any, Generic, TypeGuard, TypeVar

from eventstore.place import Place
from subscriptions.live.messages import CaughtUp, StatusMessage
from subscriptions.live.ports import Delivery, LiveStats, M, Renderer
from subscriptions.live.ring import RingEntry

R = TypeVar("R")

CACHED_RESULTS = 4
"""Results that are kept, until more is published, for subscribers that join before that."""


class SharedRenderer(Generic[M, R]):
    """Renders the messages of one topic.

    `alternate_form` returns a message as subscribers receive it whose filter chooses the alternate form, None
    if it has no such form. `weigh` returns the size of a result in bytes. `render` makes a result without an
    entry of the ring. `cache` has the results of a backlog's latest messages.
    """

    __slots__ = ("_alternate_form", "_condense", "_renderer", "_weigh", "cache", "render", "stats")

    def __init__(
        self,
        renderer: Renderer[M, R],
        stats: LiveStats,
        weigh: Callable[[R], int],
        *,
        alternate_form: Callable[[M], M | None] = lambda _message: None,
        condense: Callable[[Sequence[M]], Sequence[M]] | None = None,
    ) -> None:
        self._renderer = renderer
        # A bound method, without a call of this class around it for each message.
        self.render: Callable[[M | StatusMessage], R | Awaitable[R]] = renderer.render
        self.stats = stats
        self._weigh = weigh
        self._alternate_form = alternate_form
        self._condense = condense
        self.cache: deque[tuple[object, R | asyncio.Future[R]]] = deque(maxlen=CACHED_RESULTS)

    def entry(self, message: M, *, both: bool) -> RingEntry[M, R] | Awaitable[RingEntry[M, R]]:
        """Render a message that the topic publishes, with `both` in its alternate form too."""
        self.stats.executions += 1
        result = self.render(message)
        second = self._alternate_form(message) if both else None
        alternate = None if second is None else self.render(second)
        if _is_coroutine(result) or _is_coroutine(alternate):
            return self.awaited_entry(message, result, alternate)
        return RingEntry(message, result, alternate, self._weigh(result))  # type: ignore[arg-type]

    async def cached(self, message: M | StatusMessage) -> R:
        """Render a message of a backlog; the latest ones are rendered once for all subscribers."""
        for cached_message, rendered in self.cache:
            if cached_message is message:
                return await asyncio.shield(rendered) if isinstance(rendered, asyncio.Future) else rendered
        self.stats.executions += 1
        result: Any = self.render(message)
        if not _is_coroutine(result):
            self.cache.append((message, result))
            return result  # type: ignore[no-any-return]
        running: asyncio.Future[R] = asyncio.ensure_future(result)
        self.cache.append((message, running))
        return await asyncio.shield(running)

    def caught_up(self, place: Place) -> CaughtUp:
        """Return the message, the same object for all subscribers that catch up at this place."""
        for message, _ in self.cache:
            if isinstance(message, CaughtUp) and message.place == place:
                return message
        return CaughtUp(place)

    @property
    def condenses(self) -> bool:
        """Whether `replay` may return less than the entries' own results."""
        return self._condense is not None

    async def replay(self, entries: Sequence[RingEntry[M, R]], choices: Sequence[Delivery]) -> Sequence[R]:
        """Return what a subscriber receives of entries that it has missed, each delivered as chosen."""
        chosen = [pair for pair in zip(entries, choices, strict=True) if pair[1] is not Delivery.SKIP]
        if self._condense is not None:
            messages = [
                entry.message if choice is Delivery.AS_IS else self._alternate_message(entry.message)
                for entry, choice in chosen
            ]
            return [await self.cached(message) for message in self._condense(messages)]
        results = [
            entry.result if choice is Delivery.AS_IS else await self._alternate(entry)
            for entry, choice in chosen
        ]
        return [result for result in results if result is not None]

    async def _alternate(self, entry: RingEntry[M, R]) -> R | None:
        """Return the alternate result of an entry, rendered now if the entry was published without it."""
        message = self._alternate_form(entry.message) if entry.alternate is None else None
        return entry.alternate if message is None else await self.cached(message)

    def _alternate_message(self, message: M) -> M:
        """Return the message in its alternate form, or as it is if it has none."""
        return self._alternate_form(message) or message

    def forget(self) -> None:
        """Empty the cache."""
        self.cache.clear()

    def failed(self, error: Exception) -> Sequence[dict[str, Any]]:
        """Return the errors with which streams end because of this one."""
        return self._renderer.failed(error)

    async def awaited_entry(self, message: M, first: Any, second: Any) -> RingEntry[M, R]:
        """Return the entry of a message whose results, or one of them, are coroutines."""
        result = await first if _is_coroutine(first) else first
        alternate = await second if _is_coroutine(second) else second
        return RingEntry(message, result, alternate, self._weigh(result))


def chosen_results(entries: Sequence[RingEntry[M, R]], choices: Sequence[Delivery]) -> list[R]:
    """Return the results of new entries, each delivered as chosen."""
    results: list[R] = []
    for entry, choice in zip(entries, choices, strict=True):
        if choice is Delivery.AS_IS:
            results.append(entry.result)
        elif choice is Delivery.ALTERNATE and entry.alternate is not None:
            results.append(entry.alternate)
    return results


def _is_coroutine(value: object) -> TypeGuard[CoroutineType[Any, Any, Any]]:
    return type(value) is CoroutineType

"""How the messages of one group become what its sinks take: each once, for all who are told it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from types import CoroutineType
from typing import Any, Generic, TypeGuard, TypeVar

from subscriptions.live.messages import CaughtUp, Place, StatusMessage
from subscriptions.live.ports import LiveStats, M, Renderer
from subscriptions.live.ring import RingEntry

R = TypeVar("R")

SHARED = 4
"""Renderings that are kept, until more is told, for who joins next."""


class SharedRenderer(Generic[M, R]):
    """Renders for one group.

    `other` is a message as those with an own view of it are told it, None where there is no such form.
    `weigh` tells the bytes of a result.
    """

    def __init__(
        self,
        renderer: Renderer[M, R],
        stats: LiveStats,
        weigh: Callable[[R], int],
        other: Callable[[M], M | None],
    ) -> None:
        self._telling = renderer
        self._tally = stats
        self._weigh = weigh
        self._other = other
        self._shared: deque[tuple[object, R | asyncio.Future[R]]] = deque(maxlen=SHARED)

    def entry(self, message: M, *, both: bool) -> RingEntry[M, R] | Awaitable[RingEntry[M, R]]:
        """The message as the group is told it, with `both` in its other form too."""
        self._tally.executions += 1
        result = self._telling.render(message)
        second = self._other(message) if both else None
        other = None if second is None else self._telling.render(second)
        if _is_coroutine(result) or _is_coroutine(other):
            return self._awaited(message, result, other)
        return RingEntry(message, result, other, self._weigh(result))  # type: ignore[arg-type]

    async def alone(self, message: M | StatusMessage) -> R:
        """What one subscriber, or some, are told alone; the latest is rendered once for all who need it."""
        for known, rendered in self._shared:
            if known is message:
                return await asyncio.shield(rendered) if isinstance(rendered, asyncio.Future) else rendered
        self._tally.executions += 1
        result: Any = self._telling.render(message)
        if not _is_coroutine(result):
            self._shared.append((message, result))
            return result  # type: ignore[no-any-return]
        running: asyncio.Future[R] = asyncio.ensure_future(result)
        self._shared.append((message, running))
        return await asyncio.shield(running)

    def caught_up(self, position: int) -> CaughtUp:
        """The message, the same for all who are told it at this position."""
        for known, _ in self._shared:
            if isinstance(known, CaughtUp) and known.place.position == position:
                return known
        return CaughtUp(Place(position))

    async def other(self, entry: RingEntry[M, R]) -> R | None:
        """The entry in its other form, for one that began to see it so after it was rendered."""
        message = self._other(entry.message) if entry.other is None else None
        return entry.other if message is None else await self.alone(message)

    def other_message(self, message: M) -> M:
        """The message in its other form."""
        return self._other(message) or message

    def forget(self) -> None:
        """Keep nothing for who joins next."""
        self._shared.clear()

    def failed(self, error: Exception) -> Sequence[dict[str, Any]]:
        """The errors with which streams end because of this."""
        return self._telling.failed(error)

    async def _awaited(self, message: M, first: Any, second: Any) -> RingEntry[M, R]:
        result = await first if _is_coroutine(first) else first
        other = await second if _is_coroutine(second) else second
        return RingEntry(message, result, other, self._weigh(result))


def _is_coroutine(value: object) -> TypeGuard[CoroutineType[Any, Any, Any]]:
    return type(value) is CoroutineType

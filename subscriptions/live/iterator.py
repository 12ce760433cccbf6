"""A stream for those who watch inside the process: they pull its messages as they are."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, Generic

from subscriptions.live.messages import CaughtUp, Lagged, Place, StatusMessage
from subscriptions.live.ports import M
from subscriptions.live.sinks import Chunk
from subscriptions.live.subscriber import Subscriber
from subscriptions.live.topic import Topic


async def pull(
    found: Callable[[IteratorSink[M]], Topic[M, M | StatusMessage]], after: Place | None
) -> AsyncGenerator[M | StatusMessage, None]:
    """What a group of one's own tells, from `after` on or from now; `found` makes the group.

    Who pulls slowly holds one chunk. What is in it is told anew where it was read before an erasure.
    """
    puller: IteratorSink[M] = IteratorSink()
    group = found(puller)
    member = puller.member = group.join(puller, after)
    place, begun = after, False
    try:
        while await puller.fill():
            while puller.buffer and group.origin.erasure == puller.erasure:
                message = puller.buffer.popleft()
                begun = begun or isinstance(message, CaughtUp)
                place = place if isinstance(message, Lagged) else message.place
                yield message
            if puller.buffer:
                puller.buffer.clear()
                member.seek(place, begun)
    finally:
        member.close()


class IteratorSink(Generic[M]):
    """The sink, and what renders for it: messages stay what they are.

    `erasure` is the last one that had been met when what is in the buffer was told.
    """

    member: Subscriber[M, M | StatusMessage]

    def __init__(self) -> None:
        self.buffer: deque[M | StatusMessage] = deque()
        self.erasure = 0
        self._filled = asyncio.Event()
        self._ended = False
        self._error: Exception | None = None

    def render(self, message: M | StatusMessage) -> M | StatusMessage:
        """The message."""
        return message

    def failed(self, error: Exception) -> Sequence[dict[str, Any]]:
        """Raised to who pulls."""
        self._error = error
        return ()

    def deliver(self, chunk: Chunk[M | StatusMessage]) -> None:
        """Keep it until it is pulled; nothing else comes until then."""
        self.buffer.extend(chunk.results)
        self.erasure = self.member.erasure
        self.member.pause()
        self._filled.set()

    def end(self, errors: Sequence[dict[str, Any]] | None = None) -> None:
        """Nothing follows."""
        self._ended = True
        self._filled.set()

    async def fill(self) -> bool:
        """Wait for what comes next; False where nothing does. Raises what broke the stream."""
        self._filled.clear()
        self.member.resume()
        if not self.buffer and not self._ended:
            await self._filled.wait()
        if not self.buffer and self._error is not None:
            raise self._error
        return bool(self.buffer)

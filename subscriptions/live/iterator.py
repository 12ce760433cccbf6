"""Topics for consumers inside the process, which iterate over messages as they are."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, Generic

from eventstore.place import Place
from subscriptions.live.messages import CaughtUp, Lagged, StatusMessage
from subscriptions.live.ports import M
from subscriptions.live.sinks import Chunk
from subscriptions.live.topic import Topic


async def iterate(
    open_topic: Callable[[], Topic[M, M | StatusMessage]], renderer: PlainRenderer[M], after: Place | None
) -> AsyncGenerator[M | StatusMessage, None]:
    """Yield the messages of a topic of its own, after this place or from now on.

    A slow consumer keeps one chunk in memory. If an erasure becomes known meanwhile, the rest of the chunk is
    read again. `renderer` is the topic's. Raises the error that ended the stream.
    """
    sink = IteratorSink(open_topic(), renderer, after)
    place, caught_up = after, False
    try:
        while await sink.fill():
            while sink.buffer and sink.is_current:
                message = sink.buffer.popleft()
                caught_up = caught_up or isinstance(message, CaughtUp)
                place = place if isinstance(message, Lagged) else message.place
                yield message
            if sink.buffer:
                sink.read_again(place, caught_up=caught_up)
    finally:
        sink.close()


class PlainRenderer(Generic[M]):
    """Leaves messages as they are. `error` is the one that ended the stream."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    def render(self, message: M | StatusMessage) -> M | StatusMessage:
        """Return the message."""
        return message

    def failed(self, error: Exception) -> Sequence[dict[str, Any]]:
        """Keep the error for the consumer."""
        self.error = error
        return ()


class IteratorSink(Generic[M]):
    """Keeps one chunk until it is consumed."""

    def __init__(
        self, topic: Topic[M, M | StatusMessage], renderer: PlainRenderer[M], after: Place | None
    ) -> None:
        self.buffer: deque[M | StatusMessage] = deque()
        self._topic = topic
        self._renderer = renderer
        self._erasure = 0
        self._filled = asyncio.Event()
        self._is_ended = False
        self._subscriber = topic.join(self, after)

    @property
    def is_current(self) -> bool:
        """Whether no erasure became known since the buffer was filled."""
        return self._erasure == self._topic.erasure

    def deliver(self, chunk: Chunk[M | StatusMessage]) -> None:
        """Keep the chunk, and accept no other one until it is consumed."""
        self.buffer.extend(chunk.results)
        self._erasure = self._topic.erasure
        self._subscriber.pause()
        self._filled.set()

    def end(self, errors: Sequence[dict[str, Any]] | None = None) -> None:
        """Note that nothing follows."""
        self._is_ended = True
        self._filled.set()

    async def fill(self) -> bool:
        """Wait for the next chunk; return False at the end. Raises the error that ended the stream."""
        self._filled.clear()
        self._subscriber.resume()
        if not self.buffer and not self._is_ended:
            await self._filled.wait()
        if not self.buffer and self._renderer.error is not None:
            raise self._renderer.error
        return bool(self.buffer)

    def read_again(self, after: Place | None, *, caught_up: bool) -> None:
        """Drop the buffer, and read what follows this place again.

        The present backlog counts what is dropped as delivered, such as a snapshot, so a new one is read.
        """
        self.buffer.clear()
        self._subscriber.seek(after, self._topic.backlog(), caught_up=caught_up)

    def close(self) -> None:
        """End the subscription."""
        self._subscriber.close()

"""Responses that go on: results are written when they come, and sent as the client takes them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from api.access.admissions import Admission, Admissions
from api.graphql.error_bodies import refused_result
from api.transports.heartbeats import Heartbeats
from api.transports.response_formats import ResponseFormat
from domain.kernel.errors import NerveError, Unavailable
from subscriptions.live.sinks import Chunk, Subscription

HEADERS = {
    "cache-control": "no-cache",
    # nginx keeps what it passes on until it has a bufferful.
    "x-accel-buffering": "no",
}


EncodeErrors = Callable[[str, Sequence[dict[str, Any]]], bytes]
"""What is written last of an operation, of which this is the id, where it ends with these errors."""


class ResponseStream:
    """What one such response tells. Its subscriptions wait while more than `limit` bytes are not yet sent.

    It is `paused` while they wait, and `ended` when nothing can be written any more.
    """

    def __init__(
        self, media: ResponseFormat, limit: int, admission: Admission, refused: EncodeErrors
    ) -> None:
        self.media = media
        self.admission = admission
        self.refused = refused
        self.subscriptions: dict[str, Subscription] = {}
        self._limit = limit
        self._pieces: list[bytes] = [media.opening]
        self.outstanding = 0
        self.paused = False
        self.ended = False
        self._written = asyncio.Event()
        self._written.set()

    def add(self, id: str, subscription: Subscription) -> None:
        """It writes here from now on."""
        self.subscriptions[id] = subscription
        if self.paused:
            subscription.pause()

    def write(self, piece: bytes) -> None:
        """Send this as soon as the client takes it; what follows an end is dropped."""
        if self.ended:
            return
        self._pieces.append(piece)
        self.outstanding += len(piece)
        self._written.set()
        if self.outstanding > self._limit and not self.paused:
            self.paused = True
            for subscription in tuple(self.subscriptions.values()):
                subscription.pause()

    def end(self, last: bytes) -> None:
        """The response ends with this."""
        self.write(last)
        self.ended = True
        self._close_subscriptions()

    def interrupt(self) -> None:
        """The response ends here, and the client resumes on another server."""
        self.end(self.media.interrupted)

    def shut_out(self, error: NerveError) -> None:
        """Access has ended: so does all that runs, with this error, and then the response."""
        errors = refused_result(error)["errors"]
        self.end(b"".join(self.refused(name, errors) for name in self.subscriptions))

    def check(self) -> None:
        """Give a sign of life, unless the client has enough to take already."""
        if not self.outstanding:
            self.write(self.media.heartbeat)

    def abandon(self) -> None:
        """The client is gone."""
        self._pieces.clear()
        self.ended = True
        self._written.set()
        self._close_subscriptions()

    async def send_all(self, send: Send) -> None:
        """Send what is written until the response has ended."""
        while not self.ended or self._pieces:
            await self._written.wait()
            self._written.clear()
            body, taken = b"".join(self._pieces), self.outstanding
            self._pieces.clear()
            # It returns when the transport has room again.
            await send({"type": "http.response.body", "body": body, "more_body": True})
            self.outstanding -= taken
            if self.paused and self.outstanding <= self._limit // 2:
                self._resume()
                # A transport with room takes all at once, and who is far behind may tell the next at once.
                await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _resume(self) -> None:
        self.paused = False
        for name, subscription in tuple(self.subscriptions.items()):
            if self.paused:
                # What was told meanwhile is enough.
                return
            if self.subscriptions.pop(name, None):
                # Next time those come first that had no turn now.
                self.subscriptions[name] = subscription
                subscription.resume()

    def _close_subscriptions(self) -> None:
        subscriptions, self.subscriptions = self.subscriptions, {}
        for subscription in subscriptions.values():
            subscription.close()


class SingleSubscriptionSink:
    """Where the results of the one subscription of a stream go; the stream ends with it."""

    def __init__(self, stream: ResponseStream) -> None:
        self._stream = stream

    def deliver(self, chunk: Chunk) -> None:
        self._stream.write(chunk.made(self._stream.media.frames))

    def end(self, errors: Sequence[dict[str, Any]] | None = None) -> None:
        media = self._stream.media
        # It has ended by itself, and is not to be closed.
        self._stream.subscriptions.clear()
        self._stream.end(self._stream.refused("", errors) if errors else media.complete)


class ResponseStreams:
    """The open streams of a process, `most` of them; each gives a sign of life every `interval` seconds.

    It is for those who stand between and cut what seems unused, and finds clients that are gone.
    """

    def __init__(self, admissions: Admissions, interval: float, limit: int, most: int) -> None:
        self._admissions = admissions
        self._limit = limit
        self._most = most
        self._open: set[ResponseStream] = set()
        self._sweep = Heartbeats(asyncio.get_running_loop(), interval)
        self._draining = False

    @property
    def open(self) -> int:
        """How many are open."""
        return len(self._open)

    @property
    def operations(self) -> int:
        """How many operations run over them."""
        return sum(len(stream.subscriptions) for stream in self._open)

    @property
    def outstanding(self) -> int:
        """Bytes that are not yet handed to the transports of their clients."""
        return sum(stream.outstanding for stream in self._open)

    def make(
        self, media: ResponseFormat, admission: Admission, refused: EncodeErrors | None = None
    ) -> ResponseStream:
        """A new stream, for a `StreamResponse`; raises Unavailable where there may be no more.

        It takes over the admission, or raises what keeps that from being a connection.
        """
        if self._draining or len(self._open) >= self._most:
            raise Unavailable("no more streams are opened here; try another server")
        stream = ResponseStream(media, self._limit, admission, refused or _sole(media))
        self._admissions.hold(admission, stream.shut_out)
        self._open.add(stream)
        self._sweep.add(stream)
        return stream

    def close(self, stream: ResponseStream) -> None:
        """Its response is over."""
        self._open.discard(stream)
        self._sweep.discard(stream)
        self._admissions.release(stream.admission)
        stream.abandon()

    def drain(self) -> None:
        """The server goes: all streams are interrupted, and no new ones opened."""
        self._draining = True
        for stream in self._open:
            stream.interrupt()


def _sole(media: ResponseFormat) -> EncodeErrors:
    """The stream has one operation, whose end is its own."""
    return lambda _id, errors: media.refused(errors) + media.complete


class StreamResponse(Response):
    """What a stream is sent with. It ends with the stream or its client, and calls `close` then."""

    def __init__(self, stream: ResponseStream, close: Callable[[], None]) -> None:
        super().__init__(None, headers=HEADERS, media_type=stream.media.content_type)
        # It is not known how long it will be.
        del self.headers["content-length"]
        self._stream = stream
        self._close = close

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, as ASGI wants it done."""
        listening = asyncio.create_task(self._listen(receive))
        try:
            start: Message = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
            await send(start)
            await self._stream.send_all(send)
        finally:
            listening.cancel()
            self._close()

    async def _listen(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._stream.abandon()

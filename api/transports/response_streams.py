"""Streamed responses: results are written when they come, and sent as fast as the client takes them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from api.access.admissions import Admission, Admissions
from api.connections.open_connections import ConnectionKind, OpenConnection, RunningOperation
from api.graphql.error_bodies import refused_result
from api.transports.heartbeats import Heartbeats
from api.transports.response_formats import ResponseFormat
from api.transports.running_operations import RunningSubscription
from domain.kernel.errors import NerveError, Unavailable
from subscriptions.live.sinks import Chunk

HEADERS = {
    "cache-control": "no-cache",
    # nginx would buffer the response.
    "x-accel-buffering": "no",
}

_NO_MORE = "this server opens no more streams; try another one"

EncodeErrors = Callable[[str, Sequence[dict[str, Any]]], bytes]
"""Returns the last bytes of the operation with this id, which ends with these errors."""


class ResponseStream:
    """The contents of one response. Its subscriptions are `paused` while more than `limit` bytes are unsent.

    After it has `ended` nothing can be written.
    """

    def __init__(
        self, media: ResponseFormat, limit: int, admission: Admission, encode_errors: EncodeErrors
    ) -> None:
        self.media = media
        self.admission = admission
        self.encode_errors = encode_errors
        self.subscriptions: dict[str, RunningSubscription] = {}
        self._limit = limit
        self._pieces: list[bytes] = [media.opening]
        self.outstanding = 0
        self.paused = False
        self.ended = False
        self._written = asyncio.Event()
        self._written.set()

    @property
    def operations(self) -> int:
        """The number of running operations."""
        return len(self.subscriptions)

    def running(self) -> Iterator[RunningOperation]:
        """Yield the running operations."""
        for name, running in self.subscriptions.items():
            yield running.describe(name)

    def add(self, id: str, running: RunningSubscription) -> None:
        """Add a subscription, which writes here from now on."""
        self.subscriptions[id] = running
        if self.paused:
            running.subscription.pause()

    def write(self, piece: bytes) -> None:
        """Send the piece as soon as the client takes it. After the end, it is dropped."""
        if self.ended:
            return
        self._pieces.append(piece)
        self.outstanding += len(piece)
        self._written.set()
        if self.outstanding > self._limit and not self.paused:
            self.paused = True
            for running in tuple(self.subscriptions.values()):
                running.subscription.pause()

    def end(self, last: bytes) -> None:
        """End the response with these bytes."""
        self.write(last)
        self.ended = True
        self._close_subscriptions()

    def interrupt(self) -> None:
        """End the response, so that the client resumes on another server."""
        self.end(self.media.interrupted)

    def revoke(self, error: NerveError) -> None:
        """End all operations with this error, and then the response: access has ended."""
        errors = refused_result(error)["errors"]
        self.end(b"".join(self.encode_errors(name, errors) for name in self.subscriptions))

    def check(self) -> None:
        """Send a sign of life, unless the client has unsent bytes to take."""
        if not self.outstanding:
            self.write(self.media.heartbeat)

    def abandon(self) -> None:
        """Drop everything: the client is gone."""
        self._pieces.clear()
        self.ended = True
        self._written.set()
        self._close_subscriptions()

    async def send_all(self, send: Send) -> None:
        """Send what is written until the response ends."""
        while not self.ended or self._pieces:
            await self._written.wait()
            self._written.clear()
            body, taken = b"".join(self._pieces), self.outstanding
            self._pieces.clear()
            # This returns when the transport has room again.
            await send({"type": "http.response.body", "body": body, "more_body": True})
            self.outstanding -= taken
            if self.paused and self.outstanding <= self._limit // 2:
                self._resume()
                # A transport with room takes everything at once, and a subscription far behind may write
                # again at once.
                await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _resume(self) -> None:
        self.paused = False
        for name, running in tuple(self.subscriptions.items()):
            if self.paused:
                # The subscriptions before this one wrote enough.
                return
            if self.subscriptions.pop(name, None):
                # The subscriptions that are not resumed now come first the next time.
                self.subscriptions[name] = running
                running.subscription.resume()

    def _close_subscriptions(self) -> None:
        subscriptions, self.subscriptions = self.subscriptions, {}
        for running in subscriptions.values():
            running.subscription.close()


class SingleSubscriptionSink:
    """The sink of the only subscription of a stream, which ends with it."""

    def __init__(self, stream: ResponseStream) -> None:
        self._stream = stream

    def deliver(self, chunk: Chunk) -> None:
        self._stream.write(chunk.cached(self._stream.media.frames))

    def end(self, errors: Sequence[dict[str, Any]] | None = None) -> None:
        media = self._stream.media
        # The subscription has ended by itself, and must not be closed.
        self._stream.subscriptions.clear()
        self._stream.end(self._stream.encode_errors("", errors) if errors else media.complete)


class ResponseStreams:
    """The open streams of a process, at most `max_streams`.

    Each sends a sign of life every `interval` seconds: proxies close connections that seem unused, and a
    write finds clients that are gone.
    """

    kind: ConnectionKind = "STREAM"

    def __init__(self, admissions: Admissions, interval: float, limit: int, max_streams: int) -> None:
        self._admissions = admissions
        self._limit = limit
        self._max_streams = max_streams
        self._open: set[ResponseStream] = set()
        self._reserved: set[ResponseStream] = set()
        self._heartbeats = Heartbeats(asyncio.get_running_loop(), interval)
        self._draining = False

    @property
    def open(self) -> int:
        """The number of open streams."""
        return len(self._open)

    @property
    def max_streams(self) -> int:
        """The number of streams that may be open at a time."""
        return self._max_streams

    def connections(self) -> Iterable[OpenConnection]:
        """Return the open streams."""
        return self._open

    @property
    def operations(self) -> int:
        """The number of operations that run over them."""
        return sum(stream.operations for stream in self._open)

    @property
    def outstanding(self) -> int:
        """Bytes that the transports have not taken yet."""
        return sum(stream.outstanding for stream in self._open)

    def make(
        self, media: ResponseFormat, admission: Admission, encode_errors: EncodeErrors | None = None
    ) -> ResponseStream:
        """Return a new open stream, which takes over the admission.

        Raises Unavailable where there are too many streams, and as `Admissions.keep_open`.
        """
        self._check_room()
        stream = self.reserve(media, admission, encode_errors)
        self.open_reserved(stream)
        return stream

    def reserve(
        self, media: ResponseFormat, admission: Admission, encode_errors: EncodeErrors | None = None
    ) -> ResponseStream:
        """Return a new stream as `make` does, which counts when it is opened."""
        if self._draining:
            raise Unavailable(_NO_MORE)
        stream = ResponseStream(media, self._limit, admission, encode_errors or _single_operation(media))
        self._admissions.keep_open(admission, stream.revoke)
        self._reserved.add(stream)
        return stream

    def open_reserved(self, stream: ResponseStream) -> None:
        """Open a reserved stream. Raises Unavailable where there are too many streams."""
        self._check_room()
        self._reserved.discard(stream)
        self._open.add(stream)
        self._heartbeats.add(stream)

    def _check_room(self) -> None:
        if self._draining or len(self._open) >= self._max_streams:
            raise Unavailable(_NO_MORE)

    def close(self, stream: ResponseStream) -> None:
        """Remove a stream whose response has ended."""
        self._open.discard(stream)
        self._reserved.discard(stream)
        self._heartbeats.discard(stream)
        self._admissions.release(stream.admission)
        stream.abandon()

    def drain(self) -> None:
        """Interrupt all streams and open no new ones: the server stops."""
        self._draining = True
        for stream in (*self._open, *self._reserved):
            stream.interrupt()


def _single_operation(media: ResponseFormat) -> EncodeErrors:
    """Return how a stream ends that has one operation: with it."""
    return lambda _id, errors: media.refused(errors) + media.complete


class StreamResponse(Response):
    """The response of a stream. It ends with the stream or its client, and calls `close` then."""

    def __init__(self, stream: ResponseStream, close: Callable[[], None]) -> None:
        super().__init__(None, headers=HEADERS, media_type=stream.media.content_type)
        # The length of the response is unknown.
        del self.headers["content-length"]
        self._stream = stream
        self._close = close

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response, as an ASGI application."""
        listening = asyncio.create_task(self._wait_for_disconnect(receive))
        try:
            start: Message = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
            await send(start)
            await self._stream.send_all(send)
        finally:
            listening.cancel()
            self._close()

    async def _wait_for_disconnect(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._stream.abandon()

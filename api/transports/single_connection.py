"""Single connection mode of GraphQL over server-sent events: the results of many operations in one stream.

A client reserves the stream (PUT, answered with a token), opens it (GET), begins operations by requests of
their own (answered with 202), and ends them (DELETE). Each of these shows the token. A stream lives in the
process where it was reserved: in front of several, requests with one token must reach one of them.

The protocol: https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md#single-connection-mode
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from secrets import token_urlsafe
from typing import Any

from starlette.requests import Request

from api.access.admissions import Admission
from api.access.callers import Caller
from api.encoding import encode
from api.graphql.error_bodies import refused_result
from api.graphql.execution.executor import Result
from api.transports.response_formats import SSE
from api.transports.response_streams import ResponseStream, ResponseStreams, StreamResponse
from domain.kernel.errors import AlreadyExists, NotFound, RateLimited, ValidationFailed
from subscriptions.live.sinks import Chunk

PATIENCE = 10.0
"""Seconds for which a reservation is kept that no stream was opened on."""


class Reservations:
    """The streams of a process that have a token, each with `most` operations at a time."""

    def __init__(self, streams: ResponseStreams, most: int, patience: float = PATIENCE) -> None:
        self._streams = streams
        self._most = most
        self._patience = patience
        self._reserved: dict[str, ResponseStream] = {}
        self._unopened: dict[str, asyncio.TimerHandle] = {}

    def make(self, admission: Admission) -> str:
        """The token of a new stream, which takes over the admission.

        Raises Unavailable where there may be no more, and what keeps the admission from being a connection.
        """
        token = token_urlsafe(24)
        self._reserved[token] = self._streams.make(SSE, admission, _ended)
        loop = asyncio.get_running_loop()
        self._unopened[token] = loop.call_later(self._patience, self._close, token)
        return token

    def find(self, token: str, caller: Caller) -> ResponseStream:
        """The stream of this caller's with this token; raises NotFound."""
        stream = self._reserved.get(token)
        if stream is None or not _is_same(stream.admission.caller, caller):
            raise NotFound("there is no stream with this token here; reserve a new one")
        return stream

    def open(self, token: str, caller: Caller) -> StreamResponse:
        """The response that the stream is; raises NotFound, and AlreadyExists where it was opened before."""
        stream, timer = self.find(token, caller), self._unopened.pop(token, None)
        if timer is None:
            raise AlreadyExists("the stream with this token is open already")
        timer.cancel()
        return StreamResponse(stream, partial(self._close, token))

    def begin(self, stream: ResponseStream, id: str) -> OperationSink:
        """The sink of a new operation in the stream; raises NotFound, AlreadyExists or RateLimited."""
        if stream.ended:
            raise NotFound("the stream with this token has ended; reserve a new one")
        if id in stream.subscriptions:
            raise AlreadyExists(f"there is an operation {id} already")
        if len(stream.subscriptions) >= self._most:
            raise RateLimited(f"a stream has {self._most} operations at most")
        if stream.paused:
            raise RateLimited("there is too much in the stream that was not read")
        return OperationSink(stream, id)

    def _close(self, token: str) -> None:
        self._unopened.pop(token, None)
        self._streams.close(self._reserved.pop(token))


class OperationSink:
    """Where the results of one of a stream's operations go; its id is free again when they end."""

    def __init__(self, stream: ResponseStream, id: str) -> None:
        self._stream = stream
        self._id = id
        self._frame = partial(_next, encode(id))

    def deliver(self, chunk: Chunk) -> None:
        # Ids are each client's own, and so are these frames: no use in sharing them.
        self._stream.write(b"".join(map(self._frame, chunk.results)))

    def end(self, errors: Sequence[dict[str, Any]] | None = None) -> None:
        self._stream.write(_ended(self._id, errors))
        self._stream.subscriptions.pop(self._id, None)


class StreamOperation:
    """A query or mutation that runs, and tells its result in a stream."""

    def __init__(self, run: Callable[[], Awaitable[Result]], sink: OperationSink) -> None:
        self._task = asyncio.create_task(self._run(run, sink))

    def pause(self) -> None:
        """It has one result, for which there is always room."""

    def resume(self) -> None:
        """See `pause`."""

    def close(self) -> None:
        """What it does is broken off."""
        self._task.cancel()

    async def _run(self, run: Callable[[], Awaitable[Result]], sink: OperationSink) -> None:
        try:
            result = await run()
        except Exception as error:
            result = refused_result(error)
        sink.deliver(Chunk((encode(result),)))
        sink.end()


def _next(id: bytes, result: bytes) -> bytes:
    """A result of the operation with this id, which is encoded."""
    return SSE.frame(b'{"id":%b,"payload":%b}' % (id, result))


def _ended(id: str, errors: Sequence[dict[str, Any]] | None) -> bytes:
    said = encode(id)
    last = _next(said, encode({"errors": errors})) if errors else b""
    return last + b'event: complete\ndata: {"id":%b}\n\n' % said


def _is_same(owner: Caller, caller: Caller) -> bool:
    """Credentials may be others by now; who shows them is the same."""
    return (owner.scope, owner.subject) == (caller.scope, caller.subject)


def find_token(request: Request) -> str | None:
    """The token that the request shows."""
    return request.headers.get("x-graphql-event-stream-token") or request.query_params.get("token")


def check_id(id: object) -> str:
    """The id of an operation; raises ValidationFailed where it is none."""
    if isinstance(id, str) and id:
        return id
    raise ValidationFailed("operationId must be a text that identifies the operation", ("operationId",))

"""Single connection mode of GraphQL over server-sent events: one stream has the results of many operations.

A client reserves a stream (PUT, which returns a token), opens it (GET), starts operations by requests of
their own (which return 202), and ends them (DELETE). Each of these requests has the token. A stream exists in
the process that reserved it: a load balancer must send all requests with one token to one process.

The protocol: https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md#single-connection-mode
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from secrets import token_urlsafe
from typing import Any, NamedTuple

from starlette.requests import Request

from api.access.admissions import Admission
from api.access.callers import Caller
from api.access.client_addresses import client_network
from api.encoding import encode
from api.graphql.error_bodies import refused_result
from api.graphql.execution.executor import Result
from api.limits.places import Places
from api.transports.response_formats import SSE
from api.transports.response_streams import ResponseStream, ResponseStreams, StreamResponse
from domain.kernel.errors import AlreadyExists, NotFound, Unavailable, ValidationFailed
from domain.kernel.limit_errors import RateLimited
from subscriptions.live.sinks import Chunk

RESERVATION_TIMEOUT = 10.0
"""Seconds after which a reservation ends whose stream was not opened."""


UNOPENED_SHARE = 0.05
"""Reservations that wait to be opened, as a part of the streams that may be open."""

MIN_UNOPENED = 100
"""Reservations of a process that may wait in any case, and those of one caller or address."""


class _Unopened(NamedTuple):
    """A reservation that waits: the timer that ends it, and those whose places it takes."""

    timer: asyncio.TimerHandle
    owners: Sequence[str]


class Reservations:
    """The streams of a process that have a token, with at most `max_operations` operations each.

    Until a stream is opened it takes none of the places of open streams. Reservations that wait have places
    of their own, for each caller and each address; after `timeout` seconds they end.
    """

    def __init__(
        self, streams: ResponseStreams, max_operations: int, timeout: float = RESERVATION_TIMEOUT
    ) -> None:
        self._streams = streams
        self._max_operations = max_operations
        self._timeout = timeout
        self._reserved: dict[str, ResponseStream] = {}
        self._unopened: dict[str, _Unopened] = {}
        self._places = Places(max(MIN_UNOPENED, int(UNOPENED_SHARE * streams.max_streams)), MIN_UNOPENED)

    def make(self, admission: Admission, address: str | None) -> str:
        """Return the token of a new stream, which takes over the admission.

        Raises RateLimited where the caller or its address has too many reservations that wait, Unavailable
        where the server has, and as `Admissions.keep_open`.
        """
        owners = _owners(admission.caller, address)
        if any(map(self._places.has_all, owners)):
            raise RateLimited(
                f"{MIN_UNOPENED} streams are reserved and not open; open them, or wait until they end",
                retry_after=self._timeout,
            )
        if self._places.are_taken:
            raise Unavailable("this server reserves no more streams; try another one")
        token = token_urlsafe(24)
        self._reserved[token] = self._streams.reserve(SSE, admission, _end_operation)
        self._places.take(*owners)
        timer = asyncio.get_running_loop().call_later(self._timeout, self._close, token)
        self._unopened[token] = _Unopened(timer, owners)
        return token

    def find(self, token: str, caller: Caller) -> ResponseStream:
        """Return the caller's stream with this token; raises NotFound."""
        stream = self._reserved.get(token)
        if stream is None or not _is_same(stream.admission.caller, caller):
            raise NotFound("this server has no stream with this token; reserve a new one")
        return stream

    def open(self, token: str, caller: Caller) -> StreamResponse:
        """Return the response of the stream.

        Raises NotFound, AlreadyExists if it is already open, and Unavailable where too many are open.
        """
        stream = self.find(token, caller)
        if token not in self._unopened:
            raise AlreadyExists("the stream with this token is already open")
        self._streams.open_reserved(stream)
        self._end_waiting(token)
        return StreamResponse(stream, partial(self._close, token))

    def start(self, stream: ResponseStream, id: str) -> OperationSink:
        """Return the sink of a new operation in the stream; raises NotFound, AlreadyExists or RateLimited."""
        if stream.ended:
            raise NotFound("the stream with this token has ended; reserve a new one")
        if id in stream.subscriptions:
            raise AlreadyExists(f"the stream already runs an operation {id}")
        if len(stream.subscriptions) >= self._max_operations:
            raise RateLimited(f"a stream may run {self._max_operations} operations at a time")
        if stream.paused:
            raise RateLimited("the stream has too many unread results; read them first")
        return OperationSink(stream, id)

    def _end_waiting(self, token: str) -> None:
        if unopened := self._unopened.pop(token, None):
            unopened.timer.cancel()
            self._places.give_back(*unopened.owners)

    def _close(self, token: str) -> None:
        self._end_waiting(token)
        self._streams.close(self._reserved.pop(token))


class OperationSink:
    """The sink of one operation of a stream. Its id is free again when it ends."""

    def __init__(self, stream: ResponseStream, id: str) -> None:
        self._stream = stream
        self._id = id
        self._frame = partial(_next, encode(id))

    def deliver(self, chunk: Chunk) -> None:
        # Ids differ between clients, so these frames cannot be shared.
        self._stream.write(b"".join(map(self._frame, chunk.results)))

    def end(self, errors: Sequence[dict[str, Any]] | None = None) -> None:
        self._stream.write(_end_operation(self._id, errors))
        self._stream.subscriptions.pop(self._id, None)


class StreamOperation:
    """A query or mutation whose result goes into a stream."""

    def __init__(self, run: Callable[[], Awaitable[Result]], sink: OperationSink) -> None:
        self._task = asyncio.create_task(self._run(run, sink))

    def pause(self) -> None:
        """Do nothing: a stream always has room for one result."""

    def resume(self) -> None:
        """Do nothing, as `pause` does."""

    def close(self) -> None:
        """Cancel the operation."""
        self._task.cancel()

    async def _run(self, run: Callable[[], Awaitable[Result]], sink: OperationSink) -> None:
        try:
            result = await run()
        except Exception as error:
            result = refused_result(error)
        sink.deliver(Chunk((encode(result),)))
        sink.end()


def _next(id: bytes, result: bytes) -> bytes:
    """Return a result of the operation with this encoded id."""
    return SSE.frame(b'{"id":%b,"payload":%b}' % (id, result))


def _end_operation(id: str, errors: Sequence[dict[str, Any]] | None) -> bytes:
    encoded = encode(id)
    last = _next(encoded, encode({"errors": errors})) if errors else b""
    return last + b'event: complete\ndata: {"id":%b}\n\n' % encoded


def _owners(caller: Caller, address: str | None) -> Sequence[str]:
    """Return those to whom a reservation counts."""
    subject = None if caller.subject is None else f"{caller.own_tenant} {caller.subject}"
    network = None if address is None else client_network(address)
    return [owner for owner in (subject, network) if owner is not None]


def _is_same(owner: Caller, caller: Caller) -> bool:
    """Return whether both are one subject. Its credentials may have been renewed."""
    return (owner.scope, owner.subject) == (caller.scope, caller.subject)


def find_token(request: Request, headers: Mapping[str, str]) -> str | None:
    """Return the token of a request with these headers."""
    token = headers.get("x-graphql-event-stream-token")
    if token or not request.scope["query_string"]:
        return token or None
    return request.query_params.get("token")


def check_id(id: object) -> str:
    """Return the id of an operation; raises ValidationFailed where it is not valid."""
    if isinstance(id, str) and id:
        return id
    raise ValidationFailed("operationId must be a text that identifies the operation", ("operationId",))

"""The operations that run over one socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

from graphql import GraphQLError

from api.connections.open_connections import RunningOperation
from api.encoding import encode
from api.graphql.error_bodies import error_body
from api.graphql.execution.executor import Executor, PreparedOperation, Result
from api.graphql.execution.request_context import RequestContext
from api.transports.endpoint import traced
from api.transports.rejections import is_refused
from api.transports.running_operations import describe_operation
from api.transports.sockets.frames import encoded_id, message_frame, next_frame, next_frames
from api.transports.sockets.outbox import Outbox
from subscriptions.live.sinks import Chunk

OnEnded = Callable[[str], None]
"""Called with the id of an operation when its last message is written. The id is free again."""


class SubscriptionSink:
    """Writes the results of a subscription to a socket."""

    __slots__ = ("_encoded", "_frames", "_id", "_on_ended", "_outbox")

    def __init__(self, id: str, outbox: Outbox, on_ended: OnEnded) -> None:
        self._id = id
        self._outbox = outbox
        self._on_ended = on_ended
        self._encoded = encoded_id(id)
        self._frames = next_frames(len(self._encoded))

    def deliver(self, chunk: Chunk) -> None:
        if chunk.written_for is not self._encoded:
            if chunk.written_for is None and len(chunk.results) == 1:
                # Most chunks have one result for one subscriber, or for subscribers with one id.
                chunk.written = next_frame(self._encoded, chunk.results[0])
            else:
                chunk.written = chunk.cached(self._frames).for_id(self._encoded)
            chunk.written_for = self._encoded
        self._outbox.write(chunk.written)

    def end(self, errors: Sequence[dict[str, Any]] | None = None) -> None:
        self._outbox.write(complete_frame(self._id) if errors is None else error_frame(self._id, errors))
        self._on_ended(self._id)


class SocketOperation:
    """A query or mutation. It runs in a task of its own, from when the limiter starts it.

    `on_refused` is called with the seconds of an execution whose result was refused.
    """

    __slots__ = ("_context", "_executor", "_id", "_on_ended", "_on_refused", "_outbox", "_prepared", "_task")

    def __init__(
        self,
        id: str,
        executor: Executor,
        prepared: PreparedOperation,
        context: RequestContext,
        outbox: Outbox,
        on_ended: OnEnded,
        on_refused: Callable[[float], None],
    ) -> None:
        self._id = id
        self._executor = executor
        self._prepared = prepared
        self._context = context
        self._outbox = outbox
        self._on_ended = on_ended
        self._on_refused = on_refused
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        with traced(self._context.headers):
            self._task = asyncio.create_task(self._run())

    def describe(self) -> RunningOperation:
        """Return the operation, for operators."""
        return describe_operation(self._id, self._prepared.document, self._prepared.operation_name, None)

    def close(self) -> None:
        """Cancel the operation; no message follows."""
        if self._task:
            self._task.cancel()

    async def _run(self) -> None:
        start = perf_counter()
        try:
            result = await self._executor.execute(self._prepared, self._context)
            if is_refused(result):
                self._on_refused(perf_counter() - start)
            self._send(result)
        except Exception as error:
            self._send({"errors": [error_body(GraphQLError(str(error), original_error=error))]})
        self._on_ended(self._id)

    def _send(self, result: Result) -> None:
        if "data" in result:
            self._outbox.write(next_frame(encoded_id(self._id), encode(result)))
            self._outbox.write(complete_frame(self._id))
        else:
            self._outbox.write(error_frame(self._id, result["errors"]))


def complete_frame(id: str) -> bytes:
    """Return the frame that ends an operation."""
    return message_frame({"id": id, "type": "complete"})


def error_frame(id: str, errors: Sequence[dict[str, Any]]) -> bytes:
    """Return the frame that ends an operation with errors."""
    return message_frame({"id": id, "type": "error", "payload": errors})

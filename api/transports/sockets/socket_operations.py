"""The operations that run over one socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from graphql import GraphQLError

from api.encoding import encode
from api.graphql.error_bodies import error_body
from api.graphql.execution.executor import Executor, PreparedOperation, Result
from api.graphql.execution.request_context import RequestContext
from api.transports.endpoint import traced
from api.transports.sockets.frames import encoded_id, message_frame, next_frame, next_frames
from api.transports.sockets.outbox import Outbox
from subscriptions.live.sinks import Chunk, Subscription

OnEnded = Callable[[str], None]
"""Told the id of an operation whose last message was written: the id is free again."""


class SocketSubscription:
    """A subscription: the sink of its results, and the hold on it."""

    __slots__ = ("_encoded", "_ended", "_frames", "_id", "_outbox", "subscription")

    subscription: Subscription
    """Set by who opened it with this sink, before anything is delivered."""

    def __init__(self, id: str, outbox: Outbox, ended: OnEnded) -> None:
        self._id = id
        self._outbox = outbox
        self._ended = ended
        self._encoded = encoded_id(id)
        self._frames = next_frames(len(self._encoded))

    def deliver(self, chunk: Chunk) -> None:
        if chunk.key is not self._encoded:
            chunk.key, chunk.piece = self._encoded, chunk.made(self._frames).of(self._encoded)
        self._outbox.write(chunk.piece)

    def end(self, errors: Sequence[dict[str, Any]] | None = None) -> None:
        self._outbox.write(completed(self._id) if errors is None else refused(self._id, errors))
        self._ended(self._id)

    def close(self) -> None:
        """Nothing more is sent of it."""
        self.subscription.close()


class SocketOperation:
    """A query or mutation: in a task of its own, from when its turn comes until it has its result."""

    __slots__ = ("_context", "_ended", "_executor", "_id", "_outbox", "_prepared", "_task")

    def __init__(
        self,
        id: str,
        executor: Executor,
        prepared: PreparedOperation,
        context: RequestContext,
        outbox: Outbox,
        ended: OnEnded,
    ) -> None:
        self._id = id
        self._executor = executor
        self._prepared = prepared
        self._context = context
        self._outbox = outbox
        self._ended = ended
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        with traced(self._context.headers):
            self._task = asyncio.create_task(self._run())

    def close(self) -> None:
        """Nothing is sent of it; what it does is broken off."""
        if self._task:
            self._task.cancel()

    async def _run(self) -> None:
        try:
            result = await self._executor.execute(self._prepared, self._context)
            self._send(result)
        except Exception as error:
            self._send({"errors": [error_body(GraphQLError(str(error), original_error=error))]})
        self._ended(self._id)

    def _send(self, result: Result) -> None:
        if "data" in result:
            self._outbox.write(next_frame(self._id, encode(result)))
            self._outbox.write(completed(self._id))
        else:
            self._outbox.write(refused(self._id, result["errors"]))


def completed(id: str) -> bytes:
    """The frame that says that nothing follows."""
    return message_frame({"id": id, "type": "complete"})


def refused(id: str, errors: Sequence[dict[str, Any]]) -> bytes:
    """The frame that ends an operation with errors."""
    return message_frame({"id": id, "type": "error", "payload": errors})

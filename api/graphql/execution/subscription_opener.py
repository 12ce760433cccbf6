"""Subscriptions as transports open them: results are pushed into a sink, encoded."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any

import orjson
from graphql import GraphQLError

from api.encoding import LiveResult, encode
from api.graphql.error_bodies import error_body
from api.graphql.execution.executor import (
    CACHED_DOCUMENTS,
    Executor,
    OperationRefused,
    PreparedOperation,
    SubscriptionExecution,
)
from api.graphql.execution.request_context import RequestContext
from api.graphql.execution.shared_sources import SharedSource, cursor_variable
from eventstore.lru import LruCache
from subscriptions.live.sinks import Chunk, Sink, Subscription

logger = logging.getLogger(__name__)


class SubscriptionOpener:
    """Opens the subscriptions of a process."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._own: LruCache[tuple[str, str | None], str] = LruCache(CACHED_DOCUMENTS)

    def open(self, prepared: PreparedOperation, context: RequestContext, sink: Sink) -> Subscription:
        """Run the subscription: what comes of it goes into the sink, the first after this has returned."""
        try:
            stream = self._executor.subscribe(prepared, context)
        except OperationRefused as refused:
            return _RefusedSubscription(sink, refused)
        source = stream.source
        if not isinstance(source, SharedSource):
            return _PulledSubscription(stream, sink)
        renderer = partial(_ResultRenderer, stream, source.told)
        return source.open(sink, key=self._key(prepared, context), renderer=renderer, weigh=len)

    def _key(self, prepared: PreparedOperation, context: RequestContext) -> Hashable:
        """Who gives the same asks for the same, wherever each of them begins.

        What one may see depends on tenant and roles, and not on who of them it is.
        """
        operation, caller = prepared.operation, context.caller
        variables = dict(operation.variables or {})
        if variables:
            variables.pop(self._own_variable(prepared), None)
        values = orjson.dumps(variables, option=orjson.OPT_SORT_KEYS)
        return prepared.text, operation.operation_name, values, caller.scope.tenant, caller.roles

    def _own_variable(self, prepared: PreparedOperation) -> str:
        """The name of the variable that says where the subscriber begins; empty where there is none."""
        name = prepared.operation.operation_name
        own = self._own.get((prepared.text, name))
        if own is None:
            own = cursor_variable(prepared.document.node, name) or ""
            self._own.put((prepared.text, name), own)
        return own


class _ResultRenderer:
    """Messages as bytes: executed and encoded once for all who share them."""

    def __init__(self, stream: SubscriptionExecution, told: Callable[[Any], Mapping[str, Any]]) -> None:
        self._result = stream.result
        self._told = told

    def render(self, message: Any) -> bytes | Awaitable[bytes]:
        source = self._told(message)
        result = self._result(source)
        return _encode(source, result) if isinstance(result, dict) else _encode_later(source, result)

    def failed(self, error: Exception) -> Sequence[dict[str, Any]]:
        return [error_body(GraphQLError(str(error), original_error=error))]


def _encode(source: Mapping[str, Any], result: dict[str, Any]) -> LiveResult:
    encoded = LiveResult(encode(result))
    encoded.position = source.get("position")
    return encoded


async def _encode_later(source: Mapping[str, Any], result: Awaitable[dict[str, Any]]) -> LiveResult:
    return _encode(source, await result)


class _RefusedSubscription:
    """A subscription that cannot begin: its sink is told so."""

    def __init__(self, sink: Sink, refused: OperationRefused) -> None:
        self._handle = asyncio.get_running_loop().call_soon(sink.end, refused.result["errors"])

    def pause(self) -> None:
        pass

    def resume(self) -> None:
        pass

    def close(self) -> None:
        self._handle.cancel()


class _PulledSubscription:
    """A subscription of its own: a task that pulls its results while the sink takes them."""

    def __init__(self, stream: SubscriptionExecution, sink: Sink) -> None:
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._sink = sink
        self._task = asyncio.create_task(self._run(stream))

    def pause(self) -> None:
        self._flowing.clear()

    def resume(self) -> None:
        self._flowing.set()

    def close(self) -> None:
        self._task.cancel()

    async def _run(self, stream: SubscriptionExecution) -> None:
        try:
            async with aclosing(stream.results()) as results:
                async for result in results:
                    await self._flowing.wait()
                    self._sink.deliver(Chunk((encode(result),)))
            self._sink.end()
        except OperationRefused as refused:
            self._sink.end(refused.result["errors"])
        except Exception as error:
            logger.exception("a subscription broke off")
            self._sink.end([error_body(GraphQLError(str(error), original_error=error))])

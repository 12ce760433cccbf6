"""Opens subscriptions for the transports: encoded results are pushed into a sink."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Hashable, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any

import orjson
from graphql import GraphQLError

from api.encoding import LiveResult, encode, live_result
from api.graphql.error_bodies import error_body, refused_result
from api.graphql.execution.execution_results import OperationRefused
from api.graphql.execution.executor import Executor, PreparedOperation
from api.graphql.execution.live_query_execution import LiveQueryExecution
from api.graphql.execution.request_context import RequestContext
from api.graphql.execution.shared_leaves import LeafJoin, SharedObject
from api.graphql.execution.shared_sources import LiveQuerySource, SharedSource
from api.graphql.execution.subscription_execution import SubscriptionExecution
from domain.kernel.errors import NerveError
from subscriptions.live.sinks import Chunk, Sink, Subscription

logger = logging.getLogger(__name__)


class SubscriptionOpener:
    """Opens the subscriptions of a process."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def open(self, prepared: PreparedOperation, context: RequestContext, sink: Sink) -> Subscription:
        """Start the subscription. Its results go into the sink, the first after this has returned."""
        try:
            execution = self._executor.subscribe(prepared, context)
        except OperationRefused as refused:
            return _RefusedSubscription(sink, refused)
        source = execution.source
        if isinstance(source, LiveQuerySource):
            return self._open_live_query(prepared, context, execution, source, sink)
        if not isinstance(source, SharedSource):
            return _PulledSubscription(execution, sink)
        renderer = partial(_ResultRenderer, execution, source)
        key = self._topic_key(prepared, context, source.bound_rules)
        return source.open(sink, key=key, renderer=renderer, weigh=len)

    def _open_live_query(
        self,
        prepared: PreparedOperation,
        context: RequestContext,
        execution: SubscriptionExecution,
        source: LiveQuerySource,
        sink: Sink,
    ) -> Subscription:
        settings = context.runtime.settings
        max_cost, seconds = settings.live_query_limits.max_cost, settings.operation_timeout
        try:
            live = LiveQueryExecution(prepared, execution, source, max_cost, seconds)
            return context.runtime.live_queries.open(
                sink,
                source.after,
                key=self._topic_key(prepared, context, live.bound_rules),
                query=live.query,
                renderer=live.renderer,
                weigh=len,
                latest_only=not source.sends_patches,
            )
        except NerveError as error:
            return _RefusedSubscription(sink, OperationRefused(refused_result(error)["errors"]))

    def _topic_key(
        self, prepared: PreparedOperation, context: RequestContext, bound_rules: Hashable
    ) -> Hashable:
        """Return what subscribers of one topic have in common: all but the cursors that they resume after.

        What a caller may see depends on its tenant and on its bound rules, and on nothing else of it.
        """
        variables = dict(prepared.request.variables or {})
        if variables:
            variables.pop(prepared.document.cursor_variable(prepared.operation_name), None)
        values = orjson.dumps(variables, option=orjson.OPT_SORT_KEYS)
        return prepared.text, prepared.operation_name, values, context.scope.tenant, bound_rules


class _ResultRenderer:
    """Renders messages as bytes, executed and encoded once for all subscribers that share them."""

    __slots__ = ("_join", "_result", "_to_source")

    def __init__(self, execution: SubscriptionExecution, source: SharedSource[Any]) -> None:
        self._result = execution.result
        self._to_source = source.to_source
        name = source.shared_type
        self._join: LeafJoin | None = None if name is None else execution.selection.compile_join(name)

    def render(self, message: Any) -> bytes | Awaitable[bytes]:
        to_source, join = self._to_source, self._join
        source = to_source(message)
        if join is not None and type(source) is SharedObject:
            joined = join.write(source)
            if joined is not None:
                # As `live_result` does, without its call.
                live = LiveResult(joined)
                live.position = source["position"]
                return live
        result = self._result(source)
        return _encode(source, result) if isinstance(result, dict) else _encode_later(source, result)

    def failed(self, error: Exception) -> Sequence[dict[str, Any]]:
        return [error_body(GraphQLError(str(error), original_error=error))]


def _encode(source: Mapping[str, Any], result: dict[str, Any]) -> LiveResult:
    return live_result(encode(result), source.get("position"))


async def _encode_later(source: Mapping[str, Any], result: Awaitable[dict[str, Any]]) -> LiveResult:
    return _encode(source, await result)


class _RefusedSubscription:
    """A subscription that cannot start: its sink gets the errors."""

    def __init__(self, sink: Sink, refused: OperationRefused) -> None:
        self._handle = asyncio.get_running_loop().call_soon(sink.end, refused.result["errors"])

    def pause(self) -> None:
        pass

    def resume(self) -> None:
        pass

    def close(self) -> None:
        self._handle.cancel()


class _PulledSubscription:
    """A subscription without a topic: a task that pulls its results while the sink takes them."""

    def __init__(self, execution: SubscriptionExecution, sink: Sink) -> None:
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._sink = sink
        self._task = asyncio.create_task(self._run(execution))

    def pause(self) -> None:
        self._flowing.clear()

    def resume(self) -> None:
        self._flowing.set()

    def close(self) -> None:
        self._task.cancel()

    async def _run(self, execution: SubscriptionExecution) -> None:
        try:
            async with aclosing(execution.results()) as results:
                async for result in results:
                    await self._flowing.wait()
                    self._sink.deliver(Chunk((encode(result),)))
            self._sink.end()
        except OperationRefused as refused:
            self._sink.end(refused.result["errors"])
        except Exception as error:
            logger.exception("a subscription failed")
            self._sink.end([error_body(GraphQLError(str(error), original_error=error))])

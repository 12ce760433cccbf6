"""Subscriptions as transports open them: results are pushed into a sink, encoded."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing

from graphql import GraphQLError

from api.encoding import encode
from api.graphql.context import RequestContext
from api.graphql.errors import failure
from api.graphql.running.execution import Executor, Prepared
from subscriptions.hub.sinks import Chunk, Sink, Subscription

logger = logging.getLogger(__name__)


class Subscriptions:
    """Opens the subscriptions of a process."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def open(self, prepared: Prepared, context: RequestContext, sink: Sink) -> Subscription:
        """Run the subscription: what comes of it goes into the sink, the first after this has returned."""
        return _Pulled(self._executor, prepared, context, sink)


class _Pulled:
    """A subscription of its own: a task that pulls its results while the sink takes them."""

    def __init__(self, executor: Executor, prepared: Prepared, context: RequestContext, sink: Sink) -> None:
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._sink = sink
        self._task = asyncio.create_task(self._run(executor, prepared, context))

    def pause(self) -> None:
        self._flowing.clear()

    def resume(self) -> None:
        self._flowing.set()

    def close(self) -> None:
        self._task.cancel()

    async def _run(self, executor: Executor, prepared: Prepared, context: RequestContext) -> None:
        try:
            async with aclosing(executor.subscribe(prepared, context)) as results:
                async for result in results:
                    await self._flowing.wait()
                    if "data" not in result:
                        self._sink.end(result["errors"])
                        return
                    self._sink.deliver(Chunk((encode(result),)))
            self._sink.end()
        except Exception as error:
            logger.exception("a subscription broke off")
            self._sink.end([failure(GraphQLError(str(error), original_error=error))])

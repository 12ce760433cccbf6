"""Several operations in one request: graphql-over-http, appendix on request batching."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from graphql import OperationType

from api.graphql.error_bodies import refused_result
from api.graphql.execution.execution_results import OperationRefused
from api.graphql.execution.executor import Result
from api.graphql.execution.operation_request import read_operation
from api.graphql.execution.request_context import RequestContext
from api.graphql.execution.visible_apis import VisibleApi
from api.limits.caller_limits import Permit
from api.limits.occupied_time import TimedWork
from api.transports.rejections import is_refused
from domain.kernel.errors import Unauthenticated, ValidationFailed
from domain.kernel.limit_errors import RateLimited


class BatchResults(NamedTuple):
    """The results of a batch in its order, and for how many seconds the refused ones occupied the process."""

    results: Sequence[Result]
    refused_seconds: float


async def run_batch(
    batch: Sequence[Any],
    api: VisibleApi,
    context: RequestContext,
    permit: Callable[[], Awaitable[Permit]],
) -> BatchResults:
    """Run the operations at the same time. Each of them needs a permit of its own.

    Where one fails unexpectedly, its exception is raised after all have ended: none goes on unseen.
    """
    works = [TimedWork(_run(operation, api, context, permit)) for operation in batch]
    outcomes = await asyncio.gather(*works, return_exceptions=True)
    results = [_raise_or_return(outcome) for outcome in outcomes]
    pairs = zip(works, results, strict=True)
    return BatchResults(results, sum(work.seconds for work, result in pairs if is_refused(result)))


def _raise_or_return(outcome: Result | BaseException) -> Result:
    """Return a result; raises an exception."""
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


async def _run(
    sent: Any, api: VisibleApi, context: RequestContext, permit: Callable[[], Awaitable[Permit]]
) -> Result:
    try:
        with await permit():
            prepared = await api.prepare_in_turn(read_operation(sent), context.caller)
            if prepared.kind is OperationType.SUBSCRIPTION:
                raise ValidationFailed("a batch cannot contain a subscription; send it by itself", ("query",))
            return await api.executor.execute(prepared, context)
    except (RateLimited, Unauthenticated, ValidationFailed) as error:
        return refused_result(error)
    except OperationRefused as refused:
        return refused.result

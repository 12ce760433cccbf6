"""Several operations in one request: graphql-over-http, appendix on request batching."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from graphql import OperationType

from api.graphql.error_bodies import refused_result
from api.graphql.execution.execution_results import OperationRefused
from api.graphql.execution.executor import Result
from api.graphql.execution.operation_request import read_operation
from api.graphql.execution.request_context import RequestContext
from api.graphql.execution.visible_apis import VisibleApi
from api.limits.caller_limits import Permit
from domain.kernel.errors import Unauthenticated, ValidationFailed
from domain.kernel.limit_errors import RateLimited


async def run_batch(
    batch: Sequence[Any],
    api: VisibleApi,
    context: RequestContext,
    permit: Callable[[], Awaitable[Permit]],
) -> list[Result]:
    """Run the operations at the same time; return their results in the order of the batch.

    Each of them needs a permit of its own.
    """
    return await asyncio.gather(*(_run(operation, api, context, permit) for operation in batch))


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

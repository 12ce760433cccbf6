"""Several operations in one request, each on its own: the appendix on request batching of
https://github.com/graphql/graphql-over-http
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from graphql import OperationType

from api.graphql.error_bodies import refused_result
from api.graphql.execution.executor import Executor, OperationRefused, Result
from api.graphql.execution.operation_request import read_operation
from api.graphql.execution.request_context import RequestContext
from domain.kernel.errors import ValidationFailed


async def run_batch(batch: Sequence[Any], executor: Executor, context: RequestContext) -> list[Result]:
    """Their results in the same order; they run at the same time."""
    return await asyncio.gather(*(_run(one, executor, context) for one in batch))


async def _run(sent: Any, executor: Executor, context: RequestContext) -> Result:
    try:
        prepared = executor.prepare(read_operation(sent))
        if prepared.kind is OperationType.SUBSCRIPTION:
            raise ValidationFailed("a subscription is no part of a batch", ("query",))
    except ValidationFailed as error:
        return refused_result(error)
    except OperationRefused as refused:
        return refused.result
    return await executor.execute(prepared, context)

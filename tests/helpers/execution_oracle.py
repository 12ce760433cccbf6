"""Executes operations by nerve's executor and by graphql-core alone, with resolvers that a test chooses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

from graphql import GraphQLObjectType, execute, parse

from api.access.callers import UNRESTRICTED
from api.execution_metrics import ExecutionMetrics
from api.graphql.execution.core_executor import CheckedExecutor, is_coroutine
from api.graphql.execution.execution_results import build_result
from api.graphql.execution.executor import Executor
from api.graphql.execution.operation_request import read_operation
from api.graphql.execution.request_context import ExecutionContext, RequestContext
from api.graphql.execution.row_selections import RowSelections
from api.graphql.execution.selection_tree import SelectionTree
from api.runtime import Runtime
from domain.dispatch.trace_context import TraceContext, current_trace_context
from tests.helpers.own_contexts import own_schema

WITHOUT_RUNTIME = RequestContext(cast(Runtime, None), UNRESTRICTED, {})
"""The context of a request whose resolvers read nothing."""

TRACE = TraceContext("1" * 32, "2" * 16, 1)
"""The trace of all executions: masked errors have its id."""


@contextmanager
def resolving(resolvers: Mapping[tuple[str, str], Callable[..., Any]]) -> Iterator[None]:
    """While this lasts, fields have these resolvers, by the names of their type and their own."""
    types = own_schema().type_map
    fields = {place: cast(GraphQLObjectType, types[place[0]]).fields[place[1]] for place in resolvers}
    before = {place: field.resolve for place, field in fields.items()}
    for place, field in fields.items():
        field.resolve = resolvers[place]
    try:
        yield
    finally:
        for place, field in fields.items():
            field.resolve = before[place]


async def execute_by_core(query: str, variables: dict[str, Any], *, keep_data: bool = False) -> Any:
    """Return the result of an operation as graphql-core executes it."""
    current_trace_context.set(TRACE)
    document = parse(query)
    selections = RowSelections(SelectionTree(own_schema(), document))
    outcome: Any = execute(
        own_schema(),
        document,
        context_value=ExecutionContext.of(WITHOUT_RUNTIME, selections),
        variable_values=variables,
        executor_class=CheckedExecutor,
        is_awaitable=is_coroutine,
    )
    result = build_result(await outcome if is_coroutine(outcome) else outcome, keep_data=keep_data)
    await _end_tasks()
    return result


async def execute_by_nerve(
    query: str, variables: dict[str, Any], metrics: ExecutionMetrics | None = None
) -> Any:
    """Return the result of an operation as nerve executes it."""
    current_trace_context.set(TRACE)
    executor = Executor(own_schema(), metrics=metrics)
    prepared = executor.prepare(read_operation({"query": query, "variables": variables}))
    result = await executor.execute(prepared, WITHOUT_RUNTIME)
    await _end_tasks()
    return result


async def _end_tasks() -> None:
    """Wait for what graphql-core goes on with after an error: a loop that ends first would not await it."""
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(others)

"""Spans of GraphQL operations, on each transport."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry.trace import Span, Tracer

from api.graphql.execution.execution_results import OperationRefused
from api.graphql.execution.executor import Executor, PreparedOperation, Result
from api.graphql.execution.request_context import RequestContext
from api.graphql.execution.subscription_execution import SubscriptionExecution
from api.tracing.spans import FAULTS, child_of_current, current_to_nerve, describe_code, running_span
from domain.dispatch.trace_context import current_trace_context


class TracedExecutor(Executor):
    """Records a span for each operation; that of a subscription ends when the subscription has begun.

    The commands of an operation have the id of its trace as correlation id, and errors show it.
    """

    def __init__(self, tracer: Tracer, *parts: Any, **options: Any) -> None:
        super().__init__(*parts, **options)
        self._tracer = tracer

    async def execute(self, prepared: PreparedOperation, context: RequestContext) -> Result:
        with self._span(prepared) as span:
            result = await super().execute(prepared, context)
            _describe_errors(span, result)
            return result

    def record_without_execution(self, prepared: PreparedOperation) -> None:
        with self._span(prepared):
            pass

    def subscribe(self, prepared: PreparedOperation, context: RequestContext) -> SubscriptionExecution:
        with self._span(prepared) as span:
            try:
                return super().subscribe(prepared, context)
            except OperationRefused as refused:
                _describe_errors(span, refused.result)
                raise

    @contextmanager
    def _span(self, prepared: PreparedOperation) -> Iterator[Span]:
        kind = prepared.kind.value
        attributes = {"graphql.operation.type": kind}
        if prepared.operation_name is not None:
            attributes["graphql.operation.name"] = prepared.operation_name
        parent = child_of_current(current_trace_context.get())
        running = running_span(self._tracer, kind, parent, attributes, ignored=(OperationRefused,))
        with running as span, current_to_nerve(span):
            yield span


def _describe_errors(span: Span, result: Result) -> None:
    """Describe the first error of a result."""
    if errors := result.get("errors"):
        code = errors[0]["extensions"]["code"]
        describe_code(span, code, is_fault=code in FAULTS)

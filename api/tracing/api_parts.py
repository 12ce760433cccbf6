"""The parts of the API that are traced, or the plain ones; OpenTelemetry is imported only for the former."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from starlette.middleware import Middleware

from api.graphql.execution.executor import Executor
from api.tracing.opening import Tracing, check_installed
from api.tracing_settings import TracingSettings


def request_middleware(settings: TracingSettings | None, untraced: Sequence[str]) -> list[Middleware]:
    """Return the middleware that records spans of requests, except for those to the paths `untraced`.

    It belongs outside of all other, and finds the tracer in the state of the application. Raises
    ConfigurationError where OpenTelemetry is not installed.
    """
    if settings is None:
        return []
    check_installed()
    from api.tracing.requests import RequestSpans

    return [Middleware(RequestSpans, untraced=untraced)]


def executor_class(tracing: Tracing) -> Callable[..., Executor]:
    """Return what makes the executors of operations, from the arguments of `Executor`."""
    if tracing.tracer is None:
        return Executor
    from api.tracing.operations import TracedExecutor

    return partial(TracedExecutor, tracing.tracer)

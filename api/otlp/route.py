"""The route of traces, and its receiver where the context `agent_runs` is registered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.runtime import Runtime

PATH = "/v1/traces"
"""The path of traces in OTLP/HTTP: https://opentelemetry.io/docs/specs/otlp/#otlphttp-request"""

CONTEXT = "agent_runs"

TraceReceiver = Callable[[Request], Awaitable[Response]]


def trace_route() -> Route:
    """Return the route, which serves requests by `trace_receiver` of the application's state."""
    return Route(PATH, _serve, methods=["POST"])


def open_trace_receiver(runtime: Runtime) -> TraceReceiver | None:
    """Return the receiver of traces; None where no context records them."""
    if not any(context.name == CONTEXT for context in runtime.catalog.contexts):
        return None
    # Only deployments that observe agents need the classes of the protocol.
    from api.otlp.trace_requests import TraceRequests

    return TraceRequests(runtime).serve


async def _serve(request: Request) -> Response:
    receiver: TraceReceiver | None = request.app.state.trace_receiver
    if receiver is None:
        raise HTTPException(404)
    return await receiver(request)

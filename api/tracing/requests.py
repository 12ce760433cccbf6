"""Spans of requests over HTTP, with the attributes of OpenTelemetry's semantic conventions."""

from __future__ import annotations

from collections.abc import Collection

from opentelemetry.semconv.attributes.http_attributes import (
    HTTP_REQUEST_METHOD,
    HTTP_RESPONSE_STATUS_CODE,
    HTTP_ROUTE,
)
from opentelemetry.semconv.attributes.network_attributes import NETWORK_PROTOCOL_VERSION
from opentelemetry.semconv.attributes.url_attributes import URL_PATH, URL_SCHEME
from opentelemetry.trace import Span, SpanKind, Tracer, use_span
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.tracing.spans import child_of, describe_code, describe_error
from domain.dispatch.trace_context import TraceContext

METHODS = frozenset(("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"))
OTHER_METHOD = "_OTHER"
"""What the conventions call a method that is not in `METHODS`, so that clients cannot name spans."""


class RequestSpans:
    """Records a span for each request, which ends when the first bytes of the response were sent.

    The query is no attribute, as it may contain an operation with its variables. `untraced` are the paths of
    probes, which would otherwise be most of all spans.
    """

    def __init__(self, app: ASGIApp, untraced: Collection[str]) -> None:
        self._app = app
        self._untraced = frozenset(untraced)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Messages about the lifespan of the server pass."""
        if scope["type"] != "http" or scope["path"] in self._untraced:
            await self._app(scope, receive, send)
            return
        span = _start(scope["app"].state.tracer, scope)

        async def send_traced(message: Message) -> None:
            if message["type"] == "http.response.start":
                _describe_response(span, scope, message["status"])
            await send(message)
            if message["type"] == "http.response.body":
                _end(span)

        with use_span(span, record_exception=False, set_status_on_exception=False):
            try:
                await self._app(scope, receive, send_traced)
            except Exception as error:
                _describe_route(span, scope)
                describe_error(span, error)
                raise
            finally:
                _end(span)


def _start(tracer: Tracer, scope: Scope) -> Span:
    method = _method(scope)
    attributes = {
        HTTP_REQUEST_METHOD: method,
        URL_PATH: scope["path"],
        URL_SCHEME: scope["scheme"],
        NETWORK_PROTOCOL_VERSION: scope["http_version"],
    }
    return tracer.start_span(method, child_of(_parent(scope)), SpanKind.SERVER, attributes)


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in METHODS else OTHER_METHOD


def _parent(scope: Scope) -> TraceContext | None:
    """Return the trace context that the client sent; None if it sent none, or more than one."""
    sent = [value for name, value in scope["headers"] if name == b"traceparent"]
    return TraceContext.parse(sent[0].decode("latin-1")) if len(sent) == 1 else None


def _describe_response(span: Span, scope: Scope, status: int) -> None:
    span.set_attribute(HTTP_RESPONSE_STATUS_CODE, status)
    if status >= 500:
        describe_code(span, str(status), is_fault=True)
    _describe_route(span, scope)


def _describe_route(span: Span, scope: Scope) -> None:
    """Name the span after the route, which is known once the application has found it."""
    if (route := scope.get("route")) is not None:
        path = scope.get("root_path", "") + route.path
        span.set_attribute(HTTP_ROUTE, path)
        span.update_name(f"{_method(scope)} {path}")


def _end(span: Span) -> None:
    """End the span, unless it has ended."""
    if span.is_recording():
        span.end()

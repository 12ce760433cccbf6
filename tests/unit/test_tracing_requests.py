"""What the span of a request says: the conventions of HTTP, and nothing that the query contains."""

from __future__ import annotations

from collections.abc import Sequence

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from api.tracing.requests import RequestSpans
from tests.helpers.span_collector import MemorySpans, place

TRACE, SPAN = "a" * 32, "1" * 16
SECRET = "a secret of Ada"


async def respond(request: Request) -> Response:
    if request.query_params.get("fail"):
        raise KeyError(SECRET)
    return PlainTextResponse("x", int(request.query_params.get("status", 200)))


async def requested(
    method: str, path: str, headers: Sequence[tuple[str, str]] = ()
) -> tuple[ReadableSpan, ...]:
    """The spans of one request."""
    spans = MemorySpans()
    routes = [Route("/thing", respond, methods=["GET", "POST"]), Route("/probe", respond)]
    app = Starlette(
        routes=[Mount("/prefix", routes=routes), *routes],
        middleware=[Middleware(RequestSpans, untraced=["/probe"])],
    )
    app.state.tracer = spans.tracer
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://nerve") as client:
        await client.request(method, path, headers=list(headers))
    return spans.ended


async def test_a_request_has_the_attributes_of_the_conventions() -> None:
    """And the parent that the client names; the query is no attribute."""
    header = ("traceparent", f"00-{TRACE}-{SPAN}-01")
    (span,) = await requested("POST", f"/prefix/thing?q={SECRET}", [header])
    assert (span.name, span.kind, place(span)) == (
        "POST /prefix/thing", SpanKind.SERVER, (TRACE, SPAN),
    )  # fmt: skip
    assert span.attributes == {
        "http.request.method": "POST",
        "http.route": "/prefix/thing",
        "http.response.status_code": 200,
        "url.path": "/prefix/thing",
        "url.scheme": "http",
        "network.protocol.version": "1.1",
    }


@pytest.mark.parametrize(
    ("method", "path", "name", "status"),
    [
        ("GET", "/nothing", "GET", StatusCode.UNSET),
        ("GET", "/thing?status=404", "GET /thing", StatusCode.UNSET),
        ("GET", "/thing?status=503", "GET /thing", StatusCode.ERROR),
        ("GET", "/thing?fail=1", "GET /thing", StatusCode.ERROR),
        ("BREW", "/nothing", "_OTHER", StatusCode.UNSET),
    ],
)
async def test_only_an_error_of_the_server_is_one_of_the_span(
    method: str, path: str, name: str, status: StatusCode
) -> None:
    """Names of spans are few: a path that is no route, and an unknown method, are in none."""
    (span,) = await requested(method, path)
    assert (span.name, span.status.status_code) == (name, status)
    assert SECRET not in span.to_json()


@pytest.mark.parametrize(
    "headers",
    [[("traceparent", "00-0")], [("traceparent", f"00-{TRACE}-{SPAN}-01")] * 2],
)
async def test_a_malformed_or_doubled_traceparent_is_ignored(headers: list[tuple[str, str]]) -> None:
    """The request begins a trace."""
    (span,) = await requested("GET", "/thing", headers)
    assert span.parent is None


async def test_probes_have_no_span() -> None:
    """They would be most of all spans."""
    assert await requested("GET", "/probe") == ()

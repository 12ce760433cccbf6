"""The adapter of ports over HTTP, against a server that answers in every wrong way."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import SecretStr
from standardwebhooks import Webhook

from api.ids import now
from api.port_settings import HttpPortSettings
from api.ports.http_port import HttpPort
from domain.dispatch.trace_context import TraceContext, current_trace_context
from subscriptions.processes.ports import PortRefused, PortUnavailable
from tests.helpers.card_port import Authorise

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TOKEN = "token-in-the-path"
AUTHORISE = Authorise(order_id="order-1", amount=250)
REPLY = {"authorisation": "A1", "amount": 250}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Respond = Callable[..., Awaitable[HttpPort]]


@pytest.fixture
async def served() -> AsyncIterator[Respond]:
    """Opens the adapter to a server with this handler; `settings` are those of the port."""
    async with AsyncExitStack() as stack:

        async def opened(
            handler: Handler, context: ssl.SSLContext | None = None, **settings: Any
        ) -> HttpPort:
            app = web.Application()
            app.router.add_route("*", "/{path:.*}", handler)
            server = TestServer(app)
            await server.start_server(ssl=context)
            stack.push_async_callback(server.close)
            url = str(server.make_url(f"/{TOKEN}"))
            return await stack.enter_async_context(_port(url, **settings))

        yield opened


@asynccontextmanager
async def _port(url: str, **settings: Any) -> AsyncIterator[HttpPort]:
    values = {"allow_private": True, "timeout": 10.0, **settings}
    port = HttpPort("cards", HttpPortSettings(adapter="http", url=SecretStr(url), **values), now)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(port.close)
        yield port


def responding(status: int = 200, body: Any = REPLY, **headers: str) -> Handler:
    async def handler(_: web.Request) -> web.Response:
        text = body if isinstance(body, str) else json.dumps(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, text=text, headers=named)

    return handler


async def test_a_request_carries_its_key_and_a_signature_that_verifies(served: Respond) -> None:
    """By the verifier of Standard Webhooks, which every receiver can use."""
    received: list[Any] = []

    async def handler(request: web.Request) -> web.Response:
        body = await request.read()
        Webhook(SECRET).verify(body, dict(request.headers))
        received.append((request.headers["idempotency-key"], json.loads(body)))
        return web.json_response(REPLY)

    port = await served(handler, secret=SecretStr(SECRET))
    assert await port.call("pay-1:2", AUTHORISE) == REPLY
    content = {"operation": "Authorise", "input": {"orderId": "order-1", "amount": 250}}
    assert received == [("pay-1:2", content)]


async def test_a_request_carries_the_trace_that_it_belongs_to(served: Respond) -> None:
    """There is none while tracing is off."""
    received: list[str | None] = []

    async def handler(request: web.Request) -> web.Response:
        received.append(request.headers.get("traceparent"))
        return web.json_response(REPLY)

    port = await served(handler)
    await port.call("pay-1:2", AUTHORISE)
    context = TraceContext("a" * 32, "b" * 16, 1)
    token = current_trace_context.set(context)
    try:
        await port.call("pay-1:2", AUTHORISE)
    finally:
        current_trace_context.reset(token)
    assert received == [None, context.traceparent]


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
async def test_statuses_that_pass_are_retried(served: Respond, status: int) -> None:
    """Whatever the body says."""
    port = await served(responding(status, {"code": "declined", "message": "no"}))
    with pytest.raises(PortUnavailable, match=rf"the port cards answered {status} "):
        await port.call("pay-1:2", AUTHORISE)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
async def test_other_statuses_refuse_with_code_and_message(served: Respond, status: int) -> None:
    """The body's, and those of the status where the body has none."""
    port = await served(responding(status, {"code": "declined", "message": "no cover"}))
    with pytest.raises(PortRefused, match=r"^no cover$") as refused:
        await port.call("pay-1:2", AUTHORISE)
    assert refused.value.reason == "declined"
    port = await served(responding(status, "oops"))
    with pytest.raises(PortRefused, match=rf"the port cards answered {status} ") as refused:
        await port.call("pay-1:2", AUTHORISE)
    assert refused.value.reason == f"HTTP_{status}"


async def test_the_pause_that_a_port_asks_for_is_passed_on(served: Respond) -> None:
    """As seconds or as a date; anything else is ignored."""
    later = (now() + dt.timedelta(seconds=90)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    pauses = []
    for text in ("7", later, "soon"):
        port = await served(responding(503, Retry_After=text))
        with pytest.raises(PortUnavailable) as unavailable:
            await port.call("pay-1:2", AUTHORISE)
        pauses.append(unavailable.value.retry_after)
    assert pauses[0] == 7
    assert pauses[1] == pytest.approx(90, abs=15)
    assert pauses[2] is None


async def test_a_redirect_is_refused_and_not_followed(served: Respond) -> None:
    """The signed request is sent to the configured URL only."""
    paths = []

    async def handler(request: web.Request) -> web.Response:
        paths.append(request.path)
        raise web.HTTPTemporaryRedirect("/elsewhere")

    port = await served(handler)
    with pytest.raises(PortRefused, match="and redirects are not followed"):
        await port.call("pay-1:2", AUTHORISE)
    assert paths == [f"/{TOKEN}"]


async def test_a_reply_without_json_is_refused(served: Respond) -> None:
    """An empty body counts as null, which fits a reply without required fields only."""
    for body in ("<html>", "[1, 2]", ""):
        port = await served(responding(200, body))
        with pytest.raises(PortRefused) as refused:
            await port.call("pay-1:2", AUTHORISE)
        assert refused.value.reason == "INVALID_REPLY"


async def test_an_endless_reply_is_cut_off(served: Respond) -> None:
    """At the configured size, without reading the rest."""

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b" " * 10_000)
        except ConnectionError:
            return response

    port = await served(handler, max_reply_bytes=50_000)
    with pytest.raises(PortRefused, match=r"more than 50000 bytes; raise max_reply_bytes of ports\.cards"):
        await port.call("pay-1:2", AUTHORISE)


async def test_a_port_that_is_silent_is_retried_after_the_timeout(served: Respond) -> None:
    """A server that accepts the request and never replies."""
    release = asyncio.Event()

    async def handler(_: web.Request) -> web.Response:
        await release.wait()
        return web.Response()

    port = await served(handler, timeout=0.05)
    with pytest.raises(PortUnavailable, match=r"the port cards did not reply within 0\.05 s"):
        await port.call("pay-1:2", AUTHORISE)
    release.set()


async def test_a_connection_that_breaks_is_retried(served: Respond) -> None:
    """In the middle of a reply, and where nothing listens."""

    async def handler(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    port = await served(handler)
    with pytest.raises(PortUnavailable, match=r"the connection to 127\.0\.0\.1 failed"):
        await port.call("pay-1:2", AUTHORISE)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        async with _port(f"http://127.0.0.1:{unused.getsockname()[1]}/") as port:
            with pytest.raises(PortUnavailable, match=r"cannot connect to 127\.0\.0\.1"):
                await port.call("pay-1:2", AUTHORISE)


async def test_a_public_name_with_a_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The address that is connected to is checked, whatever the name led to before."""
    connections = []

    def resolve(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1")
    port = server.sockets[0].getsockname()[1]
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    async with server, _port(f"https://cards.example:{port}/", allow_private=False) as adapter:
        with pytest.raises(PortRefused, match="of the port cards has a private address") as refused:
            await adapter.call("pay-1:2", AUTHORISE)
    assert refused.value.reason == "ADDRESS_REFUSED"
    assert connections == []


async def test_a_certificate_that_nobody_trusts_is_not_accepted(served: Respond, tmp_path: Path) -> None:
    """The request is not sent."""
    received = []

    async def handler(request: web.Request) -> web.Response:
        received.append(request)
        return web.json_response(REPLY)

    port = await served(handler, _self_signed(tmp_path))
    with pytest.raises(PortUnavailable, match=r"the certificate of 127\.0\.0\.1 is not valid"):
        await port.call("pay-1:2", AUTHORISE)
    assert received == []


async def test_no_error_and_no_log_line_has_the_secret_or_the_path(
    served: Respond, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither of a refusal, nor of a failure, nor of a broken connection."""
    caplog.set_level(logging.DEBUG)
    texts = []
    for status in (500, 422, 302):
        port = await served(responding(status, ""), secret=SecretStr(SECRET))
        with pytest.raises((PortUnavailable, PortRefused)) as failed:
            await port.call("pay-1:2", AUTHORISE)
        texts += [repr(failed.value), repr(vars(failed.value)), repr(vars(port))]
    client_lines = [record.getMessage() for record in caplog.records if record.name != "aiohttp.access"]
    shown = " ".join([*texts, *client_lines])
    assert SECRET.removeprefix("whsec_") not in shown
    assert TOKEN not in shown


def _self_signed(folder: Path) -> ssl.SSLContext:
    """Return the context of a server with a certificate of its own making."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now() - dt.timedelta(days=1))
        .not_valid_after(now() + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem, key_pem = folder / "certificate.pem", folder / "key.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem, key_pem)
    return context

"""A client gets so many refusals in a second, whatever it is refused for, on each transport."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator

import pytest

from tests.helpers.raw_sockets import HANDSHAKE, raw_socket
from tests.helpers.served_api import Served
from tests.helpers.token_access import serve_with
from tests.helpers.tokens import auth_settings, bearer, make_token

RATE = 4

MANY = 3 * RATE
"""Refusals one after the other: the first ones are sent at once."""

JSON = {"content-type": "application/json"}
CALLER = bearer(make_token("refused", "default", ("administrator",)))


@pytest.fixture(scope="module")
def served(mongo_url: str, redis_url: str) -> Iterator[Served]:
    rates = {"refusals": RATE, "failures_per_address": 10_000}
    with serve_with(None, mongo_url, redis_url, auth=auth_settings(), rates=rates) as served:
        yield served


def _post(body: bytes, **headers: str) -> Callable[[Served], Awaitable[None]]:
    async def refuse(served: Served) -> None:
        response = served.http.post("/graphql", content=body, headers={**JSON, **headers})
        assert "errors" in response.json()

    return refuse


async def _handshake(served: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(HANDSHAKE.format(path="/elsewhere").encode())
    assert (await reader.readline()).split()[1] == b"404"
    writer.close()


async def _init(served: Served) -> None:
    async with raw_socket(served.port, init=False) as socket:
        socket.send({"type": "connection_init", "payload": {"authorization": "Bearer wrong"}})
        assert await socket.closed() == 4401


KINDS = {
    "document": _post(b'{"query":"{ unknown }"}', **CALLER),
    "body": _post(b"{", **CALLER),
    "media type": _post(b"{}", **{**CALLER, "content-type": "text/plain"}),
    "values": _post(b'{"query":"{ __typename }","variables":{"a":[1%s]}}' % (b",1" * 30_000), **CALLER),
    "token": _post(b'{"query":"{ __typename }"}', authorization="Bearer wrong"),
    "handshake": _handshake,
    "connection_init": _init,
}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_client_waits_for_its_refusals(served: Served, kind: str) -> None:
    start = time.monotonic()
    for _ in range(MANY):
        await KINDS[kind](served)
    assert time.monotonic() - start >= (MANY - RATE) / RATE - 0.01


async def _heads(served: Served, request: str) -> list[bytes]:
    """Send the request over many connections at once; return the heads of the responses."""

    async def send() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(request.encode())
        head = await reader.readuntil(b"\r\n\r\n")
        writer.close()
        return head

    return await asyncio.gather(*(send() for _ in range(10 * RATE)))


async def test_a_flood_is_disconnected(served: Served) -> None:
    """Further connections of the client would wait for longer than a second."""
    heads = await _heads(
        served, "PUT /graphql HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer x\r\n\r\n"
    )
    assert {head.split()[1] for head in heads} == {b"401"}
    assert 0 < sum(b"connection: close" in head for head in heads) < len(heads)


async def test_what_is_not_refused_does_not_wait(served: Served) -> None:
    """Also for a client whose refusals do: none of its connections is ended."""
    for _ in range(MANY):
        await KINDS["document"](served)
    path = "/graphql?query=%7B__typename%7D"
    heads = await _heads(
        served, f"GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: {CALLER['authorization']}\r\n\r\n"
    )
    assert {head.split()[1] for head in heads} == {b"200"}
    assert not any(b"connection: close" in head for head in heads)


async def test_a_flood_of_handshakes_is_cut(served: Served) -> None:
    async def refuse() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(HANDSHAKE.format(path="/elsewhere").encode())
        try:
            return await reader.read(12)
        except ConnectionError:
            return b""
        finally:
            writer.close()

    answers = await asyncio.gather(*(refuse() for _ in range(10 * RATE)))
    assert set(answers) == {b"", b"HTTP/1.1 404"}

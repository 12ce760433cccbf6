"""How many sockets one address may open in a second."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import orjson
import pytest

from api.limits.handshake_rate import BURST_SECONDS
from tests.helpers.raw_sockets import HANDSHAKE, RawSocket, raw_socket
from tests.helpers.served_api import Served
from tests.helpers.token_access import serve_with

MOST = 3
"""Sockets that an address may open at once."""


@pytest.fixture
def served(mongo_url: str, redis_url: str) -> Iterator[Served]:
    with serve_with(None, mongo_url, redis_url, rates={"handshakes": MOST / BURST_SECONDS}) as served:
        yield served


async def _refusal(served: Served, address: str) -> tuple[bytes, dict[str, bytes], bytes]:
    """Send a handshake; return the status, the headers and the body of the response."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port, local_addr=(address, 0))
    writer.write(HANDSHAKE.format(path="/graphql").encode())
    status, *lines = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
    headers = dict(line.lower().split(b": ", 1) for line in lines if line)
    named = {name.decode(): value for name, value in headers.items()}
    body = await reader.readexactly(int(named.get("content-length", b"0")))
    writer.close()
    return status.split()[1], named, body


async def test_an_address_that_opens_and_closes_sockets_all_the_time_is_refused(served: Served) -> None:
    """Whether its sockets end before `connection_init` or after it; those that are open go on."""
    async with raw_socket(served.port) as kept:
        async with raw_socket(served.port, init=False) as socket:
            socket.send({"type": "ping"})
            assert await socket.receive() == {"type": "pong"}
        async with raw_socket(served.port):
            pass
        status, headers, body = await _refusal(served, "127.0.0.1")
        assert (status, headers["content-type"]) == (b"429", b"application/json; charset=utf-8")
        [error] = orjson.loads(body)["errors"]
        assert error["extensions"]["code"] == "RATE_LIMITED"
        assert 0 < error["extensions"]["retryAfter"] <= int(headers["retry-after"]) <= BURST_SECONDS / MOST
        await _check_open(kept)
    assert 'nerve_rate_limited_total{limit="handshakes"} 1.0' in served.get("/metrics").text
    status, _, _ = await _refusal(served, "127.0.0.2")
    assert status == b"101"


async def _check_open(socket: RawSocket) -> None:
    socket.send({"type": "ping"})
    assert await socket.receive() == {"type": "pong"}

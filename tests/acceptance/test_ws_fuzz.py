"""Whatever a client sends over a socket, it gets the protocol's own answer, and the server goes on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient
from websockets.frames import Opcode

from tests.helpers.raw_sockets import HANDSHAKE, RawSocket, raw_socket
from tests.helpers.served_api import Served, serve
from tests.helpers.servers import eventually
from tests.helpers.socket_messages import Step, allowed, begun, frame


@pytest.fixture(scope="module")
def served(mongo_url: str, redis_url: str) -> Iterator[Served]:
    """One that has time for slow machines to speak."""
    database = f"test_{uuid4().hex}"
    own: dict[str, Any] = {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}
    with serve(**own, worker=False, init_timeout=60.0, max_body_bytes=100_000) as running_api:
        yield running_api
    with MongoClient[dict[str, object]](mongo_url) as client:
        client.drop_database(database)


ANSWERS = {"connection_ack", "pong", "next", "error", "complete"}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(begun, st.lists(st.integers(1, 2_000), max_size=8), st.booleans())
async def test_whatever_comes_gets_the_code_of_the_protocol(
    served: Served, caplog: pytest.LogCaptureFixture, taken: Sequence[Step], cuts: Sequence[int], vanish: bool
) -> None:
    taken, codes = allowed(taken)
    async with raw_socket(served.port, init=False) as socket:
        reading = asyncio.create_task(_read(socket))
        await _send(socket, b"".join(step.data for step in taken), cuts)
        if codes:
            assert await reading in codes
        elif vanish:
            # In the middle of a frame.
            await _send(socket, frame(Opcode.TEXT, b"{}")[:3], [])
            socket.writer.transport.abort()
            reading.cancel()
        else:
            await _send(socket, frame(Opcode.CLOSE, b"\x03\xe9"), [])
            assert await reading == 1001
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def _send(socket: RawSocket, data: bytes, cuts: Sequence[int]) -> None:
    try:
        for cut in cuts:
            socket.writer.write(data[:cut])
            data = data[cut:]
            await socket.writer.drain()
        socket.writer.write(data)
        await socket.writer.drain()
    except ConnectionError:
        # The server had enough of it.
        pass


async def _read(socket: RawSocket) -> int | None:
    """The code of the close; all messages before it are some of the protocol's."""
    while message := await socket.next():
        if isinstance(message, int):
            return message
        assert message["type"] in ANSWERS
    return None


async def test_what_all_of_them_left_behind_is_gone_and_others_are_served(served: Served) -> None:
    def open_sockets() -> str:
        return next(
            line for line in served.get("/metrics").text.splitlines() if line.startswith("nerve_sockets ")
        )

    async with served.client() as client:
        await client.subscribe("1", "{ __typename }")
        assert (await client.receive())["payload"] == {"data": {"__typename": "Query"}}
    await asyncio.to_thread(eventually, lambda: open_sockets() == "nerve_sockets 0.0")


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        ("GET", "POST", 405),
        ("Version: 13", "Version: 12", 400),
        ("Sec-WebSocket-Version: 13\r\n", "", 400),
        ("Key: AAAAAAAAAAAAAAAAAAAAAA==", "Key: short", 400),
        ("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n", "", 400),
        ("Host: 127.0.0.1", "Cookie: " + "x" * 10_000, 431),
        ("Host: 127.0.0.1", "\r\n".join(f"X-{number}: 1" for number in range(200)), 431),
        ("/graphql", "/graphql/" + "x" * 9_000, 414),
        ("/graphql", "/elsewhere", 404),
        ("Sec-WebSocket-Protocol: graphql-transport-ws", "Sec-WebSocket-Protocol: ,;=", 400),
        ("/graphql", "/graphql?token=%00", 101),
        ("Host: 127.0.0.1", "Sec-WebSocket-Extensions: permessage-deflate", 101),
    ],
)
async def test_a_handshake_that_is_none_is_answered_in_http(
    served: Served, old: str, new: str, status: int
) -> None:
    request = HANDSHAKE.format(path="/graphql").replace(old, new, 1)
    assert new in request
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(request.encode())
    async with asyncio.timeout(30):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        assert head.startswith(f"HTTP/1.1 {status} "), head
        assert "permessage-deflate" not in head
        if status != 101:
            await reader.read()
    writer.transport.abort()

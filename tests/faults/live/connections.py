"""How a subscriber is connected: over a socket, or by server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol
from urllib.parse import urlsplit

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

ANSWER = 30.0
"""Seconds that a server may take to answer on a machine that does much else."""

GONE = (1000, 1001, 1005, 1006, 1012)
"""Codes of a close that is no fault of the client."""

LONGEST = 2**26
"""Bytes of a line."""


class ConnectionBroken(Exception):
    """The connection is gone, or there was none. `wrong` says what must not have been."""

    def __init__(self, wrong: str = "") -> None:
        super().__init__(wrong)
        self.wrong = wrong


class Connection(Protocol):
    """One subscription on a connection of its own."""

    async def next(self) -> Any | None:
        """The next result, None where it is complete; raises Broken."""

    def cut(self) -> None:
        """End the connection without a word."""


class SocketConnection:
    """graphql-transport-ws."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def subscribe(self, payload: dict[str, Any]) -> None:
        await self._send({"type": "connection_init"})
        await self._send({"type": "subscribe", "id": "1", "payload": payload})

    async def next(self) -> Any | None:
        while True:
            try:
                message = orjson.loads(await self._connection.recv())
            except ConnectionClosed as closed:
                expected = closed.rcvd is None or closed.rcvd.code in GONE
                raise ConnectionBroken("" if expected else f"closed with {closed.rcvd}") from None
            match message["type"]:
                case "next":
                    return message["payload"]
                case "complete":
                    return None
                case "ping":
                    await self._send({"type": "pong"})
                case "connection_ack" | "pong":
                    pass
                case _:
                    raise ConnectionBroken(f"was told {message}")

    def cut(self) -> None:
        self._connection.transport.abort()

    async def _send(self, message: dict[str, Any]) -> None:
        with suppress(ConnectionClosed):
            await self._connection.send(orjson.dumps(message).decode())


class StreamConnection:
    """Server-sent events, a connection for each operation."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._rest = b""
        self._size: int | None = None

    async def subscribe(self, payload: dict[str, Any]) -> None:
        body = orjson.dumps(payload)
        head = (
            "POST /graphql HTTP/1.1",
            "host: localhost",
            "accept: text/event-stream",
            "content-type: application/json",
            f"content-length: {len(body)}",
        )
        self._writer.write("\r\n".join((*head, "", "")).encode() + body)
        try:
            answer = await self._reader.readuntil(b"\r\n\r\n")
        except (OSError, EOFError):
            raise ConnectionBroken from None
        # A server that goes takes no stream more.
        if not answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 503")):
            raise ConnectionBroken(f"was answered {answer!r}")

    async def next(self) -> Any | None:
        while True:
            while b"\n\n" not in self._rest:
                self._rest += await self._chunk()
            event, _, self._rest = self._rest.partition(b"\n\n")
            fields = dict(connection.split(b":", 1) for connection in event.split(b"\n"))
            match fields.get(b"event", b"").strip():
                case b"next":
                    return orjson.loads(fields[b"data"])
                case b"complete":
                    return None

    async def _chunk(self) -> bytes:
        """The next chunk of the body, without which it has ended."""
        try:
            # Kept, for whoever reads on where this is cancelled.
            if self._size is None:
                self._size = int(await self._reader.readuntil(b"\r\n"), 16)
            chunk = (await self._reader.readexactly(self._size + 2))[:-2]
        except (OSError, EOFError):
            raise ConnectionBroken from None
        self._size = None
        if not chunk:
            raise ConnectionBroken
        return chunk

    def cut(self) -> None:
        self._writer.transport.abort()


@asynccontextmanager
async def open_subscription(url: str, payload: dict[str, Any], *, streams: bool) -> AsyncIterator[Connection]:
    """A line to the server at `url`, which is closed at the end; raises Broken where there is none."""
    if streams:
        async with _stream(url) as stream:
            await stream.subscribe(payload)
            yield stream
    else:
        async with _socket(url) as socket:
            await socket.subscribe(payload)
            yield socket


@asynccontextmanager
async def _socket(url: str) -> AsyncIterator[SocketConnection]:
    dialling = connect(
        f"{url.replace('http', 'ws', 1)}/graphql",
        subprotocols=[Subprotocol("graphql-transport-ws")],
        compression=None,
        max_size=None,
        open_timeout=ANSWER,
    )
    try:
        connection = await dialling
    except (OSError, EOFError, InvalidHandshake, TimeoutError):
        raise ConnectionBroken from None
    try:
        yield SocketConnection(connection)
    finally:
        await connection.close()


@asynccontextmanager
async def _stream(url: str) -> AsyncIterator[StreamConnection]:
    address = urlsplit(url)
    try:
        reader, writer = await asyncio.open_connection(address.hostname, address.port, limit=LONGEST)
    except OSError:
        raise ConnectionBroken from None
    try:
        yield StreamConnection(reader, writer)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

"""A WebSocket client that says exactly what it is told to, right or wrong, and answers nothing by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
from websockets.frames import Close, Frame, Opcode

PATIENCE = 30.0

HANDSHAKE = """GET {path} HTTP/1.1\r
Host: 127.0.0.1\r
Connection: Upgrade\r
Upgrade: websocket\r
Sec-WebSocket-Version: 13\r
Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r
Sec-WebSocket-Protocol: graphql-transport-ws\r
\r
"""


class RawSocket:
    """One that is open, after the handshake."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, *messages: dict[str, Any]) -> None:
        """Send messages, each in a frame of its own, and all at once."""
        self.writer.write(b"".join(text(message) for message in messages))

    async def frame(self) -> Frame | None:
        """The next frame, None where the server has closed the connection."""
        try:
            async with asyncio.timeout(PATIENCE):
                first, length = await self.reader.readexactly(2)
                if length > 125:
                    length = int.from_bytes(await self.reader.readexactly(2 if length == 126 else 8))
                data = await self.reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        return Frame(Opcode(first & 15), data, bool(first & 128))

    async def next(self) -> Any:
        """The next message, or the code of the close, or None where the connection was only cut."""
        while frame := await self.frame():
            if frame.opcode is Opcode.TEXT:
                return orjson.loads(frame.data)
            if frame.opcode is Opcode.CLOSE:
                return Close.parse(frame.data).code
        return None

    async def receive(self) -> Any:
        """The next message; the server is not to close before it."""
        message = await self.next()
        assert isinstance(message, dict), message
        return message

    async def closed(self) -> int | None:
        """The code that the server closes with, None where it only cut the connection."""
        while isinstance(message := await self.next(), dict):
            pass
        code: int | None = message
        return code


def text(message: object) -> bytes:
    """A message as a client's frame."""
    return Frame(Opcode.TEXT, orjson.dumps(message)).serialize(mask=True)


@asynccontextmanager
async def raw_socket(port: int, path: str = "/graphql", *, init: bool = True) -> AsyncIterator[RawSocket]:
    """An open socket, with `connection_init` said and acknowledged or not."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(HANDSHAKE.format(path=path).encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101"), head
        socket = RawSocket(reader, writer)
        if init:
            socket.send({"type": "connection_init"})
            assert await socket.receive() == {"type": "connection_ack"}
        yield socket
    finally:
        writer.transport.abort()

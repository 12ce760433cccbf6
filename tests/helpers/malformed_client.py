"""Sends malformed requests, and judges what the server made of them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from websockets.frames import Frame, Opcode

from tests.helpers.malformed import Malformer
from tests.helpers.raw_sockets import HANDSHAKE, RawSocket

AT_ONCE = 32
"""Requests that are sent at a time."""

QUIET = 2.0
"""Seconds after which a request counts as incomplete; the server waits for less."""

INTERNAL_ERROR = 1011


class Answers(NamedTuple):
    """How many requests were answered, and a sentence for each wrong answer."""

    answered: int
    wrongs: Sequence[str]


async def send_malformed(port: int, transport: str, number: int, seed: int) -> Answers:
    """Send so many malformed requests, and judge the answers. Others were cut off, or are incomplete."""
    malformer, wrongs, answered = Malformer(seed), list[str](), 0
    requests = (malformer.make(transport) for _ in range(number))

    async def work() -> None:
        nonlocal answered
        for request in requests:
            try:
                wrong = await _judge(port, transport, request)
            except (TimeoutError, ConnectionError, asyncio.IncompleteReadError):
                continue
            answered += 1
            if wrong is not None:
                wrongs.append(f"{transport}: {wrong}, for {request[:2_000]!r}")

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return Answers(answered, wrongs)


async def _judge(port: int, transport: str, request: bytes) -> str | None:
    """Return what was wrong with the answer."""
    async with _connection(port) as (reader, writer), asyncio.timeout(QUIET):
        if transport == "socket":
            return await _judge_socket(reader, writer, request)
        writer.write(request)
        return await _judge_response(reader)


async def _judge_response(reader: asyncio.StreamReader) -> str | None:
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head.split()[1])
    if status >= 500:
        return f"status {status}"
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    body = await reader.readexactly(int(length[1])) if length else b""
    return "the code INTERNAL" if b'"INTERNAL"' in body else None


async def _judge_socket(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, session: bytes
) -> str | None:
    writer.write(HANDSHAKE.format(path="/graphql").encode())
    await reader.readuntil(b"\r\n\r\n")
    writer.write(session + Frame(Opcode.CLOSE, b"\x03\xe8").serialize(mask=True))
    socket = RawSocket(reader, writer)
    while (message := await socket.next()) is not None:
        if message == INTERNAL_ERROR:
            return "closed with 1011"
        if not isinstance(message, dict):
            return None
        if '"INTERNAL"' in str(message.get("payload")) or "'INTERNAL'" in str(message.get("payload")):
            return "the code INTERNAL"
    return None


@asynccontextmanager
async def _connection(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()

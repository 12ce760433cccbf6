"""Attacks by sockets and streams: floods of frames, sockets that wait, and reservations."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from urllib.parse import urlsplit

from tests.faults.hostile.attack import Attack, Flooder, Target, codes
from tests.helpers.floods import FLOODS
from tests.helpers.raw_sockets import HANDSHAKE, text

FLOOD_TIME = 25
"""Seconds after which a flood ends that the server has not cut off."""

MANY = 1_500
"""Sockets and reservations that one address does not get."""


@asynccontextmanager
async def open_flooder(url: str) -> AsyncIterator[Flooder]:
    """Start the process of the floods. An interpreter that starts in a round delays the other client too."""
    command = (sys.executable, "-m", "tests.helpers.floods", str(urlsplit(url).port), str(FLOOD_TIME))
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Flooder(process.stdin, process.stdout)
    finally:
        process.kill()
        await process.wait()


async def _flood(name: str, target: Target) -> str:
    return await target.flooder.flood(name)


async def _without_init(target: Target) -> str:
    """Open sockets that never send `connection_init`; return the last status."""
    return await _open_many(target, HANDSHAKE.format(path="/graphql").encode())


async def _half_open(target: Target) -> str:
    """Open connections that send half a handshake."""
    async with AsyncExitStack() as stack:
        for _ in range(MANY // 5):
            await _connect(target, HANDSHAKE.encode()[:40], stack)
        await asyncio.sleep(1)
    return "open"


async def _open_many(target: Target, request: bytes) -> str:
    status = ""
    async with AsyncExitStack() as stack:
        for _ in range(MANY):
            reader, _ = await _connect(target, request, stack)
            status = (await reader.readuntil(b"\r\n")).split()[1].decode()
            if status != "101":
                break
    return status


async def _connect(
    target: Target, request: bytes, stack: AsyncExitStack
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(target.url).port)
    # A writer that nothing refers to closes its connection.
    stack.callback(lambda: writer.transport.abort())
    writer.write(request)
    return reader, writer


async def _left_at_once(target: Target) -> str:
    """Open sockets one after the other, and close each as soon as it is admitted; return the last status."""
    request = HANDSHAKE.format(path="/graphql").encode()
    status = ""
    for _ in range(MANY):
        async with AsyncExitStack() as stack:
            reader, writer = await _connect(target, request, stack)
            status = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
            if status != "101":
                break
            writer.write(text({"type": "connection_init"}))
            await reader.readuntil(b"connection_ack")
    return status


async def _reservations(target: Target) -> str:
    """Reserve streams and open none of them."""
    for _ in range(MANY):
        response = await target.http.put("/graphql")
        if response.status_code != 201:
            return codes(response)
    return "reserved"


def _attack(name: str) -> Attack:
    run: Callable[[Target], Awaitable[str]] = partial(_flood, name)
    return Attack(f"E3 flood of {name.replace('-', ' ')}", run, "4429")


SOCKET_ATTACKS = (
    *map(_attack, FLOODS),
    Attack("E3 sockets without connection_init", _without_init, "429"),
    Attack("E3 halves of handshakes", _half_open, "open"),
    Attack("E11 reservations", _reservations, "RATE_LIMITED"),
    Attack("E3 sockets that are left at once", _left_at_once, "429"),
)

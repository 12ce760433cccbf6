"""Serves one contender: ``python -m tests.bench.fanout.serve FACTORY FD CONTROL``.

It listens on one inherited socket, and on the other it is told how many events to push.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import uvicorn
import uvloop

Push = Callable[[int, Callable[[], None]], None]
"""Pushes so many events at once; may call the second argument for each that is stored."""


@dataclass(frozen=True, slots=True)
class Served:
    """A contender."""

    server: uvicorn.Server
    push: Push


Factory = Callable[[], AbstractAsyncContextManager[Served]]


def asgi(app: Any, push: Push) -> Served:
    """An application on uvicorn's fastest protocols, and set as nerve sets it.

    Nobody is pinged, since a ping would be counted.
    """
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        access_log=False,
        log_level="warning",
        server_header=False,
    )
    return Served(uvicorn.Server(config), push)


async def serve(factory: Factory, listener: socket.socket, control: socket.socket) -> None:
    async with factory() as served, _told(control, served.push):
        await served.server.serve(sockets=[listener])


@asynccontextmanager
async def _told(control: socket.socket, push: Push) -> AsyncIterator[None]:
    """Push what the load client asks for."""
    reader, writer = await asyncio.open_unix_connection(sock=control)

    async def obey() -> None:
        while line := await reader.readline():
            push(int(line), lambda: writer.write(b"+"))

    task = asyncio.create_task(obey())
    yield
    task.cancel()
    writer.close()


def main() -> None:
    module, name = sys.argv[1].split(":")
    factory: Factory = getattr(import_module(module), name)
    listener, control = (socket.socket(fileno=int(descriptor)) for descriptor in sys.argv[2:])
    uvloop.run(serve(factory, listener, control))


if __name__ == "__main__":
    main()

"""The limit: ready bytes to each socket; no GraphQL is executed and no subscription is served."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import orjson

from api.server import open_server
from api.settings import load_settings
from api.transports.sockets.frames import text_frame
from tests.bench.fanout.event import FIRST, OPERATION, event
from tests.bench.fanout.serve import Served, asgi

Send = Callable[[Mapping[str, Any]], Awaitable[None]]


def _message(number: int) -> bytes:
    """An event, as nerve encodes it."""
    data = {"events": event(number)}
    return orjson.dumps({"id": OPERATION, "type": "next", "payload": {"data": data}})


@asynccontextmanager
async def written() -> AsyncIterator[Served]:
    """On nerve's own sockets: the frames of all events that come at once are one write to each transport."""
    numbers = count(FIRST)
    async with open_server(load_settings()) as server:
        sockets: Any = server.config.app.state.sockets  # type: ignore[union-attr]

        def push(events: int, stored: Callable[[], None]) -> None:
            frames = b"".join(text_frame(_message(next(numbers))) for _ in range(events))
            for socket in sockets._open:
                socket._transport.write(frames)

        yield Served(server, push)


class Greeter:
    """Says what graphql-transport-ws wants said, and remembers whoever has subscribed."""

    def __init__(self) -> None:
        self.subscribed: set[Send] = set()

    async def __call__(self, scope: Any, receive: Callable[[], Awaitable[Any]], send: Send) -> None:
        if scope["type"] == "websocket":
            await self._greet(receive, send)

    async def _greet(self, receive: Callable[[], Awaitable[Any]], send: Send) -> None:
        while (received := await receive())["type"] != "websocket.disconnect":
            if received["type"] == "websocket.connect":
                await send({"type": "websocket.accept", "subprotocol": "graphql-transport-ws"})
            elif orjson.loads(received["text"])["type"] == "connection_init":
                await send({"type": "websocket.send", "text": '{"type":"connection_ack"}'})
            else:
                self.subscribed.add(send)
        self.subscribed.discard(send)


@asynccontextmanager
async def sent() -> AsyncIterator[Served]:
    """Through ASGI, each message by itself to one socket after the other."""
    numbers, greeter = count(FIRST), Greeter()
    waiting: asyncio.Queue[str] = asyncio.Queue()

    def push(events: int, stored: Callable[[], None]) -> None:
        for _ in range(events):
            waiting.put_nowait(_message(next(numbers)).decode())

    async def broadcast() -> None:
        while True:
            message = {"type": "websocket.send", "text": await waiting.get()}
            for send in list(greeter.subscribed):
                await send(message)

    task = asyncio.create_task(broadcast())
    yield asgi(greeter, push)
    task.cancel()

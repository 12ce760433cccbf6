"""Raw clients of graphql-transport-ws: many that only count, and such as a server should not have."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any

import orjson
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from api.devserver.embedded import LOOPBACK

SEGMENT = 1_400
"""Bytes of a packet, as between machines: with those of loopback the kernel holds megabytes of a socket."""

SMALL = 4_096
"""Bytes of the buffer of a client that stops reading: what it does not take stays with the server."""


class Listener(asyncio.Protocol):
    """One socket with one subscription. `received` is called with the time of each of its results.

    The first result, which says that it is caught up, is not told; `ready` is set with it.
    """

    def __init__(self, url: str, query: str, received: Callable[[float], None]) -> None:
        self._protocol = ClientProtocol(
            parse_uri(url), subprotocols=[Subprotocol("graphql-transport-ws")], max_size=None
        )
        self._query = query
        self._told = received
        self.ready = asyncio.get_running_loop().create_future()
        self.transport: Any = None
        self._once = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._protocol.send_request(self._protocol.connect())
        self._flush()

    def data_received(self, data: bytes) -> None:
        self._protocol.receive_data(data)
        now = time.perf_counter()
        if self._once:
            self._once = False
            self.transport.pause_reading()
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._frame(event, now)
            else:
                self._say(type="connection_init")
                self._subscribe()
        self._flush()

    def stop_reading(self) -> None:
        """Take nothing more, and say nothing more, without a word."""
        self.transport.pause_reading()
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)

    def _subscribe(self) -> None:
        self._say(type="subscribe", id="1", payload={"query": self._query})

    def read_once(self) -> None:
        """Read what there is now in the kernel's buffer, and stop again."""
        self._once = True
        self.transport.resume_reading()

    def _frame(self, frame: Frame, now: float) -> None:
        if frame.opcode is not Opcode.TEXT or b'"next"' not in frame.data[:60]:
            return
        if self.ready.done():
            self._told(now)
        else:
            self.ready.set_result(None)

    def _say(self, **message: Any) -> None:
        self._protocol.send_text(orjson.dumps(message))

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(ConnectionError(f"cut off at the beginning: {exc}"))


class CrowdedSocket(Listener):
    """One socket with a subscription for each query; `ready` is set once all are caught up.

    A live query is caught up with its first result.
    """

    def __init__(self, url: str, queries: Sequence[str]) -> None:
        super().__init__(url, "", lambda _now: None)
        self._queries = queries
        self._behind = len(queries)

    def _subscribe(self) -> None:
        for number, query in enumerate(self._queries):
            self._say(type="subscribe", id=str(number), payload={"query": query})

    def _frame(self, frame: Frame, now: float) -> None:
        if frame.opcode is Opcode.TEXT and (b'"CaughtUp"' in frame.data or b'"live"' in frame.data):
            self._behind -= 1
            if not self._behind:
                self.ready.set_result(None)


async def open_crowded_socket(url: str, queries: Sequence[str]) -> CrowdedSocket:
    """A socket whose subscriptions are all caught up."""
    loop = asyncio.get_running_loop()
    _, crowded = await loop.create_connection(
        lambda: CrowdedSocket(url, queries), LOOPBACK, parse_uri(url).port
    )
    await crowded.ready
    return crowded


async def listen(url: str, query: str, received: Callable[[float], None] = lambda _now: None) -> Listener:
    """A listener that is caught up."""
    loop = asyncio.get_running_loop()
    connection = socket.socket()
    connection.setblocking(False)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT)
    await loop.sock_connect(connection, (LOOPBACK, parse_uri(url).port))
    _, listener = await loop.create_connection(lambda: Listener(url, query, received), sock=connection)
    await listener.ready
    return listener

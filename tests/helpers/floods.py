"""Clients that flood a socket of the API.

``python -m tests.helpers.floods PORT SECONDS`` floods one socket for each name that it reads, and prints the
code that closed it.
"""

from __future__ import annotations

import select
import socket
import sys
import time
from collections.abc import Callable, Iterator
from itertools import chain, count, repeat
from typing import NamedTuple

import orjson
from websockets.frames import Frame, Opcode

from tests.helpers.raw_sockets import HANDSHAKE, text

BATCH = 500
"""Messages or frames that are made at a time."""

LARGE = 900_000
"""Bytes of a giant message, below the default limit."""

EVENTS = {"query": "subscription { events { __typename } }"}
NAME = {"query": "{ __typename }"}


def _frames(opcode: Opcode, data: bytes = b"", *, fin: bool = True) -> bytes:
    return BATCH * Frame(opcode, data, fin).serialize(mask=True)


def _subscribe(number: int, payload: dict[str, str]) -> bytes:
    return text({"type": "subscribe", "id": str(number), "payload": payload})


def _subscriptions() -> Iterator[bytes]:
    """Yield the start and the end of subscriptions."""
    pairs = [_subscribe(n, EVENTS) + text({"type": "complete", "id": str(n)}) for n in range(BATCH)]
    return repeat(b"".join(pairs))


def _queries() -> Iterator[bytes]:
    for first in count(0, BATCH):
        yield b"".join(_subscribe(first + n, NAME) for n in range(BATCH))


def _fragments() -> Iterator[bytes]:
    """Yield messages with one byte in each frame."""
    message = orjson.dumps({"type": "pong"})
    frames = [
        Frame(Opcode.CONT if n else Opcode.TEXT, bytes((byte,)), n == len(message) - 1).serialize(mask=True)
        for n, byte in enumerate(message)
    ]
    return repeat(10 * b"".join(frames))


FLOODS: dict[str, Callable[[], Iterator[bytes]]] = {
    "empty-continuations": lambda: chain(
        [Frame(Opcode.TEXT, b"", False).serialize(mask=True)], repeat(_frames(Opcode.CONT, fin=False))
    ),
    "subscriptions": _subscriptions,
    "queries": _queries,
    "pings": lambda: repeat(_frames(Opcode.PING, b"x" * 125)),
    "pongs": lambda: repeat(_frames(Opcode.PONG)),
    "tiny-messages": lambda: repeat(BATCH * text({"type": "pong"})),
    "fragments": _fragments,
    "giant-messages": lambda: repeat(text({"type": "pong", "payload": "x" * LARGE})),
}
"""What is sent over a socket, by name."""


class Flood(NamedTuple):
    """What came of a flood: bytes that the server took, and the code that it closed the socket with."""

    sent: int
    code: int | None


def flood(port: int, name: str, seconds: float) -> Flood:
    """Send over one socket as fast as the server takes it."""
    sent, tail, waiting, batches = 0, b"", b"", FLOODS[name]()
    end = time.monotonic() + seconds
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(HANDSHAKE.format(path="/graphql").encode())
        assert b" 101 " in connection.recv(65_536)
        connection.sendall(text({"type": "connection_init"}))
        connection.setblocking(False)
        while time.monotonic() < end:
            readable, writable, _ = select.select([connection], [connection], [], 0.1)
            try:
                if readable:
                    received = connection.recv(65_536)
                    tail = (tail + received)[-150:]
                    if not received:
                        break
                if writable:
                    waiting = waiting or next(batches)
                    taken = connection.send(waiting)
                    sent, waiting = sent + taken, waiting[taken:]
            except ConnectionError:
                break
    # A close frame is the last thing that a server sends, and its reason is text.
    start = tail.rfind(b"\x88")
    return Flood(sent, int.from_bytes(tail[start + 2 : start + 4]) if start >= 0 else None)


if __name__ == "__main__":
    for line in sys.stdin:
        print(flood(int(sys.argv[1]), line.strip(), float(sys.argv[2])).code, flush=True)

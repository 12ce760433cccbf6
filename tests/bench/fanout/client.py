"""The load client of a broadcast: ``python -m tests.bench.fanout.client``, one process for each server.

It holds many sockets, says over the control connection how many events the server is to push, and counts what
comes, in bytes: epoll and `recv_into`, nothing for a message and no task for a socket. That is as good as
counting messages, since all are equally long; those of some sockets are kept and looked at after each turn.
Its orders come as lines of JSON on its standard input, and what they came to goes out on its standard output.
"""

from __future__ import annotations

import gc
import json
import select
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import uuid4

from tests.bench.fanout.event import FIRST, OPERATION, alias, number_of, question
from tests.bench.fanout.frames import frames, masked_frame

HANDSHAKES = 100
"""Sockets that are opened side by side."""

SAMPLE = 8
"""Sockets whose messages are looked at."""

QUIET = 0.5
"""Seconds without a message after which a server has nothing more to say; with each try, twice as many."""

TRIES = 8
PATIENCE = 120.0
BUFFER = 1 << 20

UPGRADE = (
    b"GET /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
)


class Subscribers:
    """Sockets that each have subscribed.

    With `distinct` each asks by a text of its own, with `own_ids` under an id of its own. All
    authenticate with the `token`, if there is one.
    """

    def __init__(
        self,
        port: int,
        control: int,
        many: int,
        on: str | None,
        token: str | None,
        distinct: bool,
        own_ids: bool,
    ) -> None:
        self._control = socket.socket(fileno=control)
        self._distinct = distinct
        self._own_ids = own_ids
        credentials = {} if token is None else {"payload": {"Authorization": f"Bearer {token}"}}
        self._init = _message({"type": "connection_init", **credentials})
        self._epoll = select.epoll()
        self._sockets: list[socket.socket] = []
        for start in range(0, many, HANDSHAKES):
            self._open(port, range(start, min(start + HANDSHAKES, many)), on)
        self._receive = {one.fileno(): one.recv_into for one in self._sockets}
        self._buffer = bytearray(BUFFER)
        self._pushed = 0
        self._length = 0
        self._kept: dict[int, bytearray] = {}

    def _open(self, port: int, numbers: Sequence[int], on: str | None) -> None:
        opened = [socket.create_connection(("127.0.0.1", port), PATIENCE) for _ in numbers]
        for one in opened:
            one.sendall(UPGRADE)
        for one in opened:
            answer = b""
            while not answer.endswith(b"\r\n\r\n"):
                answer += _some(one)
            if not answer.startswith(b"HTTP/1.1 101 "):
                raise RuntimeError(f"the server answers {answer!r}")
            one.sendall(self._init)
        for number, one in zip(numbers, opened, strict=True):
            answer = b""
            while not (whole := list(frames(answer))):
                answer += _some(one)
            if json.loads(whole[0][0])["type"] != "connection_ack":
                raise RuntimeError(f"the server answers {answer!r}")
            payload = {"query": question(self._alias(number), on)}
            operation = str(uuid4()) if self._own_ids else OPERATION
            one.sendall(_message({"id": operation, "type": "subscribe", "payload": payload}))
            one.setblocking(False)
            self._epoll.register(one.fileno(), select.EPOLLIN)
        self._sockets += opened

    def _alias(self, number: int) -> str | None:
        return alias(number) if self._distinct else None

    def settle(self) -> int:
        """Push an event now and then until one reaches all; the length of its message on the wire."""
        for attempt in range(TRIES):
            self._push(1)
            found = self._listen(QUIET * 2**attempt)
            if all(FIRST + self._pushed - 1 in numbers for numbers, _ in found):
                lengths = {length for _, length in found}
                if len(lengths) != 1:
                    raise RuntimeError(f"messages of one event are {sorted(lengths)} bytes long")
                self._length = lengths.pop()
                self._forget_acknowledgements()
                return self._length
        raise RuntimeError(f"no event reached all: the first socket got {found[0]}")

    def _listen(self, quiet: float) -> list[tuple[list[int], int]]:
        """Of each socket the events that came until it was quiet, and the length of the last one's frame."""
        data: dict[int, bytearray] = {one.fileno(): bytearray() for one in self._sockets}
        while ready := self._epoll.poll(quiet):
            for descriptor, _ in ready:
                data[descriptor] += self._buffer[: self._receive[descriptor](self._buffer)]
        return [
            _events(bytes(data[one.fileno()]), self._alias(number))
            for number, one in enumerate(self._sockets)
        ]

    def _forget_acknowledgements(self) -> None:
        self._control.setblocking(False)
        with suppress(BlockingIOError):
            self._control.recv(BUFFER)
        self._control.setblocking(True)

    def _push(self, events: int) -> None:
        self._control.sendall(b"%d\n" % events)
        self._pushed += events

    def turn(self, size: int, seconds: float, acknowledged: bool) -> dict[str, Any]:
        """For so many seconds push `size` events at once, and again when all sockets have the last.

        Says how many messages came in how many seconds, how many of these this process was at work, and how
        long each push took to reach the last; where pushes are `acknowledged`, also from then on.
        """
        chosen = {round(place * (len(self._sockets) - 1) / (SAMPLE - 1)) for place in range(SAMPLE)}
        self._kept = {self._sockets[number].fileno(): bytearray() for number in chosen}
        first, reached, behind = FIRST + self._pushed, [], []
        begun, used = time.perf_counter(), time.process_time()
        while (start := time.perf_counter()) < begun + seconds:
            self._push(size)
            if acknowledged and not self._control.recv(1):
                raise RuntimeError("the server has left")
            stored = time.perf_counter()
            self._await(size * self._length)
            end = time.perf_counter()
            reached.append(end - start)
            behind.append(end - stored)
        elapsed, used = time.perf_counter() - begun, time.process_time() - used
        for number in chosen:
            self._check(number, first)
        messages = len(self._sockets) * (FIRST + self._pushed - first)
        return {
            "messages": messages, "elapsed": elapsed, "used": used, "reached": reached, "behind": behind,
        }  # fmt: skip

    def _await(self, length: int) -> None:
        """Until so many bytes have come over each socket."""
        receive, poll, buffer, kept = self._receive, self._epoll.poll, self._buffer, self._kept
        counts, left = dict.fromkeys(receive, 0), len(receive)
        while left:
            ready = poll(PATIENCE)
            if not ready:
                raise RuntimeError(f"{left} sockets got too little")
            for descriptor, _ in ready:
                came = receive[descriptor](buffer)
                if descriptor in kept:
                    kept[descriptor] += buffer[:came]
                counts[descriptor] = have = counts[descriptor] + came
                if have >= length:
                    left -= 1
                if have > length or not came:
                    raise RuntimeError(f"a socket got {have} bytes and not {length}")

    def _check(self, number: int, first: int) -> None:
        data = bytes(self._kept[self._sockets[number].fileno()])
        numbers, _ = _events(data, self._alias(number))
        if numbers != list(range(first, FIRST + self._pushed)):
            raise RuntimeError(
                f"the socket {number} got the events {numbers[:20]} …, not those from {first} on"
            )


def _some(one: socket.socket) -> bytes:
    data = one.recv(1 << 16)
    if not data:
        raise RuntimeError("the server closed a socket")
    return data


def _message(message: object) -> bytes:
    return masked_frame(json.dumps(message).encode())


def _events(data: bytes, alias: str | None) -> tuple[list[int], int]:
    """The numbers of the events, and the length of the last one's frame."""
    numbers, length = [], 0
    for payload, size in frames(data):
        message = json.loads(payload)
        if message["type"] in ("error", "complete"):
            raise RuntimeError(f"a server sent {message}")
        number = number_of(message, alias)
        if number is not None:
            numbers.append(number)
            length = size
    return numbers, length


def main() -> None:
    """Open the sockets, say how long a message is, and then answer each order."""
    subscribers = Subscribers(**json.loads(sys.argv[1]))
    print(subscribers.settle(), flush=True)
    gc.freeze()
    for line in sys.stdin:
        print(json.dumps(subscribers.turn(**json.loads(line))), flush=True)


if __name__ == "__main__":
    main()

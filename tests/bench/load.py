"""The HTTP load generator: keep-alive HTTP/1.1 connections, each with one request under way at a time.

It is raw on purpose (a protocol, no futures, no header parsing beyond the length), so that it has
several times the speed of the fastest server measured here and never is what limits a figure.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import cast

import orjson

from tests.bench.harness import Figure

Check = Callable[[bytes], bool]
"""Tells whether a response body is the one that was asked for."""

PATIENCE = 30.0
"""Seconds after which a turn that has not ended counts as stuck; far more than any turn lasts."""


def post(body: object, path: str = "/graphql") -> bytes:
    """A whole HTTP request that posts `body` as JSON."""
    content = orjson.dumps(body)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Accept: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


async def ask(port: int, request: bytes) -> bytes:
    """The body of one response; raises RuntimeError where it is not a 200."""
    answer: list[bytes] = []

    def keep(body: bytes) -> bool:
        answer.append(body)
        return True

    await _drive(port, iter((request,)), 1, keep, deadline=float("inf"))
    return answer[0]


async def load(
    port: int, requests: Iterator[bytes], connections: int, seconds: float, check: Check
) -> Figure:
    """Requests a second while `connections` are kept busy for `seconds`.

    Raises RuntimeError at the first response that is wrong.
    """
    start, used = time.perf_counter(), time.process_time()
    done = await _drive(port, requests, connections, check, deadline=start + seconds)
    elapsed = time.perf_counter() - start
    return Figure(done / elapsed, (time.process_time() - used) / elapsed)


async def _drive(
    port: int, requests: Iterator[bytes], connections: int, check: Check, deadline: float
) -> int:
    loop = asyncio.get_running_loop()
    clients: list[_Client] = []
    try:
        for _ in range(connections):
            _, client = await loop.create_connection(
                lambda: _Client(requests, check, deadline), "127.0.0.1", port
            )
            clients.append(client)
        for client in clients:
            client.send()
        await asyncio.wait_for(asyncio.gather(*(client.finished for client in clients)), PATIENCE)
    finally:
        for client in clients:
            client.close()
    return sum(client.done for client in clients)


class _Client(asyncio.Protocol):
    """One connection: sends the next request as soon as the response to the last one is whole."""

    def __init__(self, requests: Iterator[bytes], check: Check, deadline: float) -> None:
        self.done = 0
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._requests = requests
        self._check = check
        self._deadline = deadline
        self._transport: asyncio.Transport | None = None
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail("the server closed the connection")

    def send(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self._finish()
        elif self._transport is not None:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            return
        self._buffer = b""
        if not head.startswith(b"HTTP/1.1 200 ") or not self._check(body):
            self._fail(f"{head.splitlines()[0].decode()}: {body[:500].decode()}")
            return
        self.done += 1
        if time.perf_counter() < self._deadline:
            self.send()
        else:
            self._finish()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
        self.finished.cancel()

    def _finish(self) -> None:
        if not self.finished.done():
            self.finished.set_result(None)

    def _fail(self, why: str) -> None:
        if not self.finished.done():
            self.finished.set_exception(RuntimeError(f"the load generator got a wrong response: {why}"))


def _length(head: bytes) -> int:
    lowered = head.lower()
    start = lowered.index(b"content-length:") + 15
    return int(lowered[start : (lowered + b"\r\n").index(b"\r\n", start)])

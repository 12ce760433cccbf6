"""The HTTP load generator: keep-alive HTTP/1.1 connections, each with one request under way at a time.

It is raw on purpose (a protocol, no futures, no header parsing beyond the length), so that it has
several times the speed of the fastest server measured here and never is what limits a figure.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import cast

import orjson

from tests.bench.harness import Figure, Latency

Check = Callable[[bytes], bool]
"""Tells whether a response body is the one that was asked for."""

PATIENCE = 30.0
"""Seconds after which a turn that has not ended counts as stuck; far more than any turn lasts."""


def post(body: object, token: str | None = None, path: str = "/graphql") -> bytes:
    """A whole HTTP request that posts `body` as JSON, with a token if one is given."""
    content = orjson.dumps(body)
    authorization = "" if token is None else f"Authorization: Bearer {token}\r\n"
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Accept: application/json\r\n{authorization}Content-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


async def ask(port: int, request: bytes) -> bytes:
    """The body of one response; raises RuntimeError where it is not a 200."""
    answer: list[bytes] = []

    def keep(body: bytes) -> bool:
        answer.append(body)
        return True

    async with _connected(port, iter((request,)), 1, keep) as clients:
        await _drive(clients, deadline=float("inf"))
    return answer[0]


async def load(
    port: int, requests: Iterator[bytes], connections: int, seconds: float, check: Check
) -> Figure:
    """Requests a second while `connections` are kept busy for `seconds`, with the latency of each.

    Raises RuntimeError at the first response that is wrong.
    """
    async with _connected(port, requests, connections, check) as clients:
        start, used = time.perf_counter(), time.process_time()
        await _drive(clients, deadline=start + seconds)
        elapsed, used = time.perf_counter() - start, time.process_time() - used
    latencies = [latency for client in clients for latency in client.latencies]
    return Figure(len(latencies) / elapsed, used / elapsed, Latency.of(latencies))


@asynccontextmanager
async def _connected(
    port: int, requests: Iterator[bytes], connections: int, check: Check
) -> AsyncIterator[list[_Client]]:
    loop = asyncio.get_running_loop()
    clients: list[_Client] = []
    try:
        for _ in range(connections):
            _, client = await loop.create_connection(lambda: _Client(requests, check), "127.0.0.1", port)
            clients.append(client)
        yield clients
    finally:
        for client in clients:
            client.close()


async def _drive(clients: Sequence[_Client], deadline: float) -> None:
    for client in clients:
        client.start(deadline)
    await asyncio.wait_for(asyncio.gather(*(client.finished for client in clients)), PATIENCE)


class _Client(asyncio.Protocol):
    """One connection: sends the next request as soon as the response to the last one is whole."""

    def __init__(self, requests: Iterator[bytes], check: Check) -> None:
        self.latencies: list[float] = []
        """Seconds from each request to its response."""
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._requests = requests
        self._check = check
        self._deadline = 0.0
        self._sent_at = 0.0
        self._transport: asyncio.Transport | None = None
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail("the server closed the connection")

    def start(self, deadline: float) -> None:
        """Send requests until `deadline`, on the clock of `time.perf_counter`."""
        self._deadline = deadline
        self._send()

    def _send(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self._finish()
        elif self._transport is not None:
            self._sent_at = time.perf_counter()
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            return
        received_at = time.perf_counter()
        self._buffer = b""
        if not head.startswith(b"HTTP/1.1 200 ") or not self._check(body):
            self._fail(f"{head.splitlines()[0].decode()}: {body[:500].decode()}")
            return
        self.latencies.append(received_at - self._sent_at)
        if received_at < self._deadline:
            self._send()
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

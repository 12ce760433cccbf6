"""A receiver of webhooks on a real socket, in the process of the test."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import orjson
from aiohttp import web

SILENCE = -1
"""An answer that never comes: the sender gives up."""

Answer = int | tuple[int, Mapping[str, str]]
"""A status, with headers or without."""


@dataclass(frozen=True)
class Delivery:
    """A request that arrived, and the CloudEvents in it, by the mode in which they were sent."""

    id: str
    headers: Mapping[str, str]
    body: bytes
    events: Sequence[Mapping[str, Any]]


@dataclass
class WebhookReceiver:
    """Answers each request with what `answer` returns for it; `accepted` are the requests answered with 2xx.

    `restart` closes all connections, those of requests under way too, and listens on the same port again.
    No request is answered while `may_answer` is not set; `requests` counts all that arrived.
    """

    answer: Callable[[Delivery], Answer] = lambda delivery: 200
    accepted: list[Delivery] = field(default_factory=list)
    refused: list[Delivery] = field(default_factory=list)
    port: int = 0
    requests: int = 0

    def __post_init__(self) -> None:
        self._runner: web.AppRunner | None = None
        self._arrived = asyncio.Condition()
        self._is_over = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/events"

    @property
    def events(self) -> list[Mapping[str, Any]]:
        """All accepted events, in their order, doubles among them."""
        return [event for delivery in self.accepted for event in delivery.events]

    @property
    def first_versions(self) -> dict[str, list[int]]:
        """The versions of each stream, each when it was first accepted."""
        versions: dict[str, dict[int, None]] = {}
        for event in self.events:
            versions.setdefault(event["subject"], {})[event["streamversion"]] = None
        return {stream: list(each) for stream, each in versions.items()}

    @property
    def doubles(self) -> int:
        """The number of accepted events that had been accepted before."""
        counts = Counter(event["id"] for event in self.events)
        return counts.total() - len(counts)

    async def start(self) -> None:
        self._is_over = asyncio.Event()
        app = web.Application()
        app.router.add_post("/{path:.*}", self._receive)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        self._is_over.set()
        if self._runner is not None:
            await self._runner.cleanup()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def until(self, condition: Callable[[], bool], within: float = 60.0) -> None:
        """Wait until a condition holds, which is checked after each request."""
        async with asyncio.timeout(within), self._arrived:
            await self._arrived.wait_for(condition)

    async def _receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        delivery = Delivery(
            request.headers["webhook-id"], dict(request.headers), body, read_events(request.headers, body)
        )
        async with self._arrived:
            self.requests += 1
            self._arrived.notify_all()
        await self.may_answer.wait()
        answer = self.answer(delivery)
        status, headers = answer if isinstance(answer, tuple) else (answer, {})
        if status == SILENCE:
            await self._is_over.wait()
            return web.Response(status=503)
        async with self._arrived:
            (self.accepted if 200 <= status < 300 else self.refused).append(delivery)
            self._arrived.notify_all()
        return web.Response(status=status, headers=headers)


def read_events(headers: Mapping[str, str], body: bytes) -> Sequence[Mapping[str, Any]]:
    """Return the CloudEvents of a request as a receiver reads them, by the binding for HTTP."""
    kind = headers["content-type"]
    if kind == "application/cloudevents-batch+json":
        batch: list[Mapping[str, Any]] = orjson.loads(body)
        return batch
    if kind == "application/cloudevents+json":
        return [orjson.loads(body)]
    attributes: dict[str, Any] = {
        name.lower().removeprefix("ce-"): unquote(value)
        for name, value in headers.items()
        if name.lower().startswith("ce-")
    }
    attributes["streamversion"] = int(attributes["streamversion"])
    return [{**attributes, "datacontenttype": kind, "data": orjson.loads(body)}]


@contextmanager
def serving_in_thread(receiver: WebhookReceiver) -> Iterator[WebhookReceiver]:
    """Serve the receiver in a thread of its own, for a test that is no coroutine."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(receiver.start(), loop).result()
    try:
        yield receiver
    finally:
        asyncio.run_coroutine_threadsafe(receiver.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@asynccontextmanager
async def serving(receiver: WebhookReceiver) -> AsyncIterator[WebhookReceiver]:
    """Serve the receiver inside the context."""
    await receiver.start()
    try:
        yield receiver
    finally:
        await receiver.stop()

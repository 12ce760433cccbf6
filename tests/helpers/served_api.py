"""The API on a real socket, served by a thread of the test's process, and clients for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from socket import socket
from typing import Any

import httpx
import orjson
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from api.access.callers import Authenticator
from api.devserver.address import listen
from api.lifecycle import open_runtime
from api.server import open_server
from api.settings import Settings
from tests.helpers.servers import eventually

PATIENCE = 60.0
"""Seconds for what comes at once on a machine that does nothing else."""

UNHURRIED = {"wait_timeout": 25.0, "init_timeout": PATIENCE}
"""Settings with which a busy machine is no reason for an error: an operation may take 30 seconds in all.

Redis wakes all readers, so that `poll_interval` is the default: five polls a second of all views would take a
tenth of a core for each API with a worker.
"""


def plain_client(**options: Any) -> httpx.Client:
    """Return a client for HTTP without TLS: without certificates to load it is made 20 ms sooner."""
    return httpx.Client(verify=False, **options)


@dataclass(frozen=True)
class Served:
    """A running API."""

    port: int
    http: httpx.Client
    stop: Callable[[], None] = lambda: None
    """Asks it to end, as a signal does, where it runs in this process."""

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.http.get(path, headers=headers)

    def post(self, body: Any, **headers: str) -> httpx.Response:
        """Send a GraphQL request: as JSON, or as the bytes that it is."""
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        sent = {"content-type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
        return self.http.post("/graphql", content=content, headers=sent)

    def run(self, query: str, **variables: Any) -> dict[str, Any]:
        """The whole answer to one operation."""
        answer: dict[str, Any] = self.post({"query": query, "variables": variables}).json()
        return answer

    def ask(self, query: str, **variables: Any) -> Any:
        """The data of an operation that has no errors."""
        answer = self.run(query, **variables)
        assert "errors" not in answer, answer
        return answer["data"]

    def refused(self, query: str, **variables: Any) -> dict[str, Any]:
        """The one error of an operation."""
        errors: list[dict[str, Any]] = self.run(query, **variables)["errors"]
        assert len(errors) == 1, errors
        return errors[0]

    def do(self, mutation: str, wait: str = "PROJECTED", **fields: Any) -> dict[str, Any]:
        """The receipt of a mutation that has no errors."""
        kind = f"{mutation[0].upper()}{mutation[1:]}Input"
        call = f"{mutation}(input: $input, await: {wait}) {{ receipt {{ stream version position }} }}"
        data = self.ask(f"mutation ($input: {kind}!) {{ {call} }}", input=fields)
        receipt: dict[str, Any] = data[mutation]["receipt"]
        return receipt

    def stored(self) -> list[str]:
        """The ids of all events: what a refused request must not add to."""
        return [
            event["id"] for event in self.ask("{ events(first: 200) { nodes { id } } }")["events"]["nodes"]
        ]

    @asynccontextmanager
    async def socket(
        self, subprotocol: str | None = "graphql-transport-ws", path: str = "/graphql"
    ) -> AsyncIterator[Client]:
        """A WebSocket to the API that has said nothing yet."""
        offered = [Subprotocol(subprotocol)] if subprotocol else None
        address = f"ws://127.0.0.1:{self.port}{path}"
        async with connect(
            address, subprotocols=offered, compression=None, open_timeout=PATIENCE
        ) as connection:
            yield Client(connection)

    @asynccontextmanager
    async def client(self, **payload: Any) -> AsyncIterator[Client]:
        """A WebSocket after `connection_init`."""
        async with self.socket() as client:
            await client.send(type="connection_init", payload=payload)
            assert await client.receive() == {"type": "connection_ack"}
            yield client


@dataclass(frozen=True)
class Client:
    """One side of graphql-transport-ws, message by message."""

    connection: ClientConnection

    async def send(self, **message: Any) -> None:
        await self.connection.send(orjson.dumps(message).decode())

    async def subscribe(self, operation: str, query: str, /, **variables: Any) -> None:
        await self.send(type="subscribe", id=operation, payload={"query": query, "variables": variables})

    async def receive(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE):
            message: dict[str, Any] = orjson.loads(await self.connection.recv())
        return message

    async def next(self, id: str = "1") -> Any:
        """The data of the operation's next result, which comes next on the socket."""
        message = await self.receive()
        assert (message["type"], message["id"]) == ("next", id), message
        assert "errors" not in message["payload"], message
        [data] = message["payload"]["data"].values()
        return data

    async def closed(self) -> tuple[int | None, str | None]:
        """The code and the reason with which the server closes."""
        async with asyncio.timeout(PATIENCE):
            await self.connection.wait_closed()
        return self.connection.close_code, self.connection.close_reason


class _Thread(threading.Thread):
    """Serves until it is stopped."""

    def __init__(
        self, listener: socket, settings: Settings, worker: bool, access: Authenticator | None
    ) -> None:
        super().__init__()
        self._parts = (listener, settings, worker, access)
        self._server: uvicorn.Server | None = None

    @property
    def serving(self) -> bool:
        return self._server is not None and self._server.started

    def run(self) -> None:
        asyncio.run(self._serve(*self._parts))

    def stop(self) -> None:
        if self._server is not None:
            self._server.should_exit = True

    async def _serve(
        self, listener: socket, settings: Settings, worker: bool, access: Authenticator | None
    ) -> None:
        async with AsyncExitStack() as stack:
            if worker:
                await stack.enter_async_context(open_runtime(settings, worker=True))
            self._server = await stack.enter_async_context(open_server(settings, access))
            await self._server.serve(sockets=[listener])


@contextmanager
def serve(
    access: Authenticator | None = None, /, *, worker: bool = True, **settings: Any
) -> Iterator[Served]:
    """Serve the API with these settings as in production, and with a worker beside it or not."""
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        thread = _Thread(listener, Settings(**{**UNHURRIED, **settings}), worker, access)
        thread.start()
        try:
            eventually(lambda: thread.serving or not thread.is_alive())
            assert thread.serving, "the API did not start"
            with plain_client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as http:
                yield Served(port, http, thread.stop)
        finally:
            thread.stop()
            thread.join(PATIENCE)

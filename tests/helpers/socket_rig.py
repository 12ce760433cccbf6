"""Sockets as the API serves them, over subscriptions whose results a test itself delivers."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import uvicorn
from starlette.types import Receive, Scope, Send

from api.access.admissions import Admissions
from api.access.callers import OPEN, Authenticator
from api.access.client_addresses import ClientAddresses
from api.access.origins import OriginPolicy
from api.access.visibility import Visibilities
from api.devserver.address import listen
from api.graphql.execution.executor import Executor, PreparedOperation, Result
from api.graphql.execution.parsing_turns import ParsingTurns
from api.graphql.execution.request_context import RequestContext
from api.graphql.execution.subscription_opener import SubscriptionOpener
from api.graphql.execution.visible_apis import VisibleApi, VisibleApis
from api.ids import now
from api.limits.caller_limits import CallerLimits, NoCallerLimits
from api.settings import Settings
from api.transports.endpoint import Endpoint
from api.transports.known_requests import KnownRequests
from api.transports.sockets.protocol import socket_protocol
from api.transports.sockets.registry import SocketLimits, SocketRegistry
from subscriptions.live.sinks import Chunk, Sink
from tests.helpers.own_contexts import OWN, own_schema

PATIENCE = 60.0

EVENTS = {"query": "subscription { events { __typename } }"}

NO_CALLER_LIMITS = NoCallerLimits()


@dataclass
class Stream:
    """A subscription that was opened; the test delivers into its sink."""

    sink: Sink
    paused: bool = False
    closed: bool = False
    resumed: Callable[[], None] = lambda: None

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False
        self.resumed()

    def close(self) -> None:
        self.closed = True

    def deliver(self, *results: bytes) -> None:
        self.sink.deliver(Chunk(results))


class Opened(SubscriptionOpener):
    """Keeps what is opened."""

    streams: list[Stream]

    def open(self, prepared: PreparedOperation, context: RequestContext, sink: Sink) -> Stream:
        self.streams.append(Stream(sink))
        return self.streams[-1]


class Held(Executor):
    """Executes nothing until it is let."""

    let: asyncio.Event

    async def execute(self, prepared: PreparedOperation, context: RequestContext) -> Result:
        await self.let.wait()
        return await super().execute(prepared, context)


@dataclass
class Rig:
    """Served sockets, and what was opened over them."""

    port: int
    sockets: SocketRegistry
    streams: list[Stream]
    let: asyncio.Event
    turns: ParsingTurns
    closes: Counter[str] = field(default_factory=Counter)
    stop: Callable[[], None] = lambda: None

    async def stream(self, number: int = 0) -> Stream:
        """The subscription that was opened as this one, once it is."""
        await until(lambda: len(self.streams) > number)
        return self.streams[number]


async def until(holds: Callable[[], object]) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(PATIENCE):
        while not holds():
            await asyncio.sleep(0.002)


@asynccontextmanager
async def socket_rig(
    access: Authenticator = OPEN, /, *, caller_limits: CallerLimits = NO_CALLER_LIMITS, **limits: Any
) -> AsyncIterator[Rig]:
    """Serve sockets with these limits in the running loop."""
    schema = own_schema()
    executor, opened, closes = Held(schema), Opened(Executor(schema)), Counter[str]()
    executor.let, opened.streams = asyncio.Event(), []
    executor.let.set()
    turns = ParsingTurns()
    apis = VisibleApis(Visibilities(*OWN), lambda _visibility: VisibleApi(executor, opened, turns))
    chosen = SocketLimits(
        **{"max_message": 100_000, "max_outstanding": 50_000, "max_operations": 100, "max_sockets": 100,
           "max_operation_rate": 500.0, "max_frame_rate": 2_000.0,
           "init_timeout": 10.0, "ping_interval": 30.0, **limits}
    )  # fmt: skip
    sockets = SocketRegistry(
        _endpoint(apis, access, caller_limits),
        chosen,
        ["/graphql"],
        OriginPolicy(),
        lambda code: closes.update([code]),
    )
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        config = uvicorn.Config(
            _nothing, lifespan="off", http="httptools", ws=socket_protocol(sockets), log_config=None,
            timeout_graceful_shutdown=2,
        )  # fmt: skip
        server = uvicorn.Server(config)

        def stop() -> None:
            server.should_exit = True

        serving = asyncio.create_task(server.serve([listener]))
        await until(lambda: server.started)
        try:
            yield Rig(port, sockets, opened.streams, executor.let, turns, closes, stop)
        finally:
            executor.let.set()
            stop()
            await serving


def _endpoint(apis: VisibleApis, access: Authenticator, caller_limits: CallerLimits) -> Endpoint:
    """Return an endpoint with the parts that sockets use."""
    nothing = cast(Any, None)
    return Endpoint(
        apis,
        runtime=cast(Any, SimpleNamespace(settings=Settings())),
        results=nothing,
        streams=nothing,
        reservations=nothing,
        admissions=Admissions(access, now, limit=100),
        caller_limits=caller_limits,
        refused_work=None,
        refusal_pace=None,
        handshake_rate=None,
        arriving_bodies=nothing,
        addresses=ClientAddresses(),
        limits=nothing,
        connections=nothing,
        known_requests=KnownRequests(),
    )


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError("a socket is no part of the application")

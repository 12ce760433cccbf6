"""Requests of a port for cards, and servers of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from api.devserver.address import listen
from domain.process import Reply, Request


class Authorised(Reply):
    authorisation: str
    amount: int


class Authorise(Request[Authorised], port="cards"):
    order_id: str
    amount: int


class Voided(Reply):
    pass


class Void(Request[Voided], port="cards"):
    authorisation: str


CARD_REQUESTS: tuple[type[Request[Any]], ...] = (Authorise, Void)


@asynccontextmanager
async def serve_asgi(app: ASGIApp) -> AsyncIterator[str]:
    """Serve an application on loopback; yield its URL."""
    with listen("127.0.0.1", 0) as socket:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        serving = asyncio.create_task(server.serve([socket]))
        try:
            yield f"http://127.0.0.1:{socket.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving

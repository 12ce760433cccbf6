"""The API process: uvicorn on a listening socket."""

from __future__ import annotations

import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn

from api.access.callers import OPEN, Access
from api.app import create_app
from api.settings import Settings
from api.transports.http_protocol import bounded
from api.transports.sockets.protocol import protocol
from api.transports.streams import Streams

DRAIN = 5
"""Seconds that open requests and sockets get to end when the process is asked to stop."""


class Server(uvicorn.Server):
    """Ends the streams over HTTP before it waits for what is still open."""

    def __init__(self, config: uvicorn.Config, streams: Streams) -> None:
        super().__init__(config)
        self._streams = streams

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close all connections, those that are in use last."""
        self._streams.drain()
        await super().shutdown(sockets)


@asynccontextmanager
async def opened(
    settings: Settings, access: Access = OPEN, *, explain: bool = False
) -> AsyncIterator[uvicorn.Server]:
    """The server of an API that is open, to be run inside; raises what opening nerve raises.

    `access` authenticates requests; `explain`: see `create_app`.
    """
    app = create_app(settings, access, explain=explain)
    # uvicorn would only log what goes wrong in there, with its traceback.
    async with app.router.lifespan_context(app):
        yield Server(
            uvicorn.Config(
                app,
                lifespan="off",
                http=bounded(settings.request_timeout),
                ws=protocol(app.state.sockets),
                timeout_graceful_shutdown=DRAIN,
                access_log=False,
                server_header=False,
                log_config=None,
                log_level="warning",
            ),
            app.state.endpoint.streams,
        )


async def serve(settings: Settings, listener: socket.socket, *, explain: bool = False) -> None:
    """Serve the API on `listener` until SIGINT or SIGTERM; raises what opening nerve raises."""
    async with opened(settings, explain=explain) as server:
        for number in (signal.SIGINT, signal.SIGTERM):
            # uvicorn raises the signal again when it has served, and nerve is still to be closed then.
            signal.signal(number, lambda _number, _frame: None)
        await server.serve(sockets=[listener])

"""The API process: uvicorn on a listening socket."""

from __future__ import annotations

import signal
import socket

import uvicorn

from api.app import create_app
from api.settings import Settings

DRAIN = 5
"""Seconds that open requests and sockets get to end when the process is asked to stop."""


async def serve(settings: Settings, listener: socket.socket) -> None:
    """Serve the API on `listener` until SIGINT or SIGTERM; raises what opening nerve raises."""
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="websockets-sansio",
        # Compressing each message for each socket cuts a broadcast to a third.
        ws_per_message_deflate=False,
        ws_max_size=settings.max_body_bytes,
        timeout_graceful_shutdown=DRAIN,
        access_log=False,
        server_header=False,
        log_config=None,
        log_level="warning",
        # uvicorn would only log what goes wrong in there, with its traceback.
        lifespan="off",
    )
    async with app.router.lifespan_context(app):
        for number in (signal.SIGINT, signal.SIGTERM):
            # uvicorn raises the signal again when it has served, and nerve is still to be closed then.
            signal.signal(number, lambda _number, _frame: None)
        await uvicorn.Server(config).serve(sockets=[listener])

"""The API process: uvicorn on a listening socket."""

from __future__ import annotations

import socket

import uvicorn

from api.app import create_app
from api.settings import Settings

DRAIN = 5
"""Seconds that open requests and sockets get to end when the process is asked to stop."""


def serve(settings: Settings, listener: socket.socket) -> None:
    """Serve the API on `listener` until SIGINT or SIGTERM."""
    config = uvicorn.Config(
        create_app(settings),
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        # Compressing each message for each socket cuts a broadcast to a third.
        ws_per_message_deflate=False,
        ws_max_size=settings.max_body_bytes,
        timeout_graceful_shutdown=DRAIN,
        access_log=False,
        server_header=False,
        log_config=None,
    )
    uvicorn.Server(config).run(sockets=[listener])

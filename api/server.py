"""The API process: uvicorn on a listening socket."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette

from api.access.callers import Authenticator
from api.access.development_tokens import DevelopmentTokens
from api.app import create_app
from api.garbage import collect_less
from api.runtime import Runtime
from api.settings import Settings
from api.tls import open_tls
from api.transports.admission_guard import AdmittedRequests
from api.transports.http import GraphQLOverHttp
from api.transports.response_streams import ResponseStreams
from api.transports.security_headers import SecurityHeaders
from api.transports.shortcut_protocol import shortcut_protocol
from api.transports.shortcuts import Shortcuts
from api.transports.sockets.protocol import socket_protocol
from api.transports.uvicorn_http import http_protocol

DRAIN = 5
"""Seconds that open requests and sockets may take to end when the process stops."""


class DrainingServer(uvicorn.Server):
    """Ends the streams over HTTP before it waits for open connections."""

    def __init__(self, config: uvicorn.Config, streams: ResponseStreams) -> None:
        super().__init__(config)
        self._streams = streams

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close all connections; those in use last."""
        self._streams.drain()
        await super().shutdown(sockets)


@asynccontextmanager
async def open_server(
    settings: Settings,
    access: Authenticator | None = None,
    *,
    explain: bool = False,
    development_tokens: DevelopmentTokens | None = None,
    runtime_class: type[Runtime] = Runtime,
) -> AsyncIterator[uvicorn.Server]:
    """Open the application, and yield a server that can serve it. Raises the errors of `open_runtime`.

    The other arguments are those of `create_app`.
    """
    tls = None if settings.tls_cert is None else open_tls(settings.tls_cert, settings.tls_key)
    app = create_app(
        settings,
        access,
        explain=explain,
        development_tokens=development_tokens,
        runtime_class=runtime_class,
    )
    # uvicorn would only log an error in the lifespan, with its traceback.
    async with app.router.lifespan_context(app):
        yield DrainingServer(
            uvicorn.Config(
                app,
                lifespan="off",
                http=_http_protocol(settings, app),
                ws=socket_protocol(app.state.sockets),
                timeout_graceful_shutdown=DRAIN,
                access_log=False,
                server_header=False,
                # It would trust X-Forwarded-For of everything on this machine.
                proxy_headers=False,
                log_config=None,
                log_level="warning",
                ssl_context_factory=None if tls is None else lambda _config, _default: tls,
            ),
            app.state.endpoint.streams,
        )


def _http_protocol(settings: Settings, app: Starlette) -> type[asyncio.Protocol]:
    if settings.tracing is not None:
        # Each request has a span, which the application records.
        return http_protocol(settings.request_timeout)
    is_tls = settings.tls_cert is not None
    admitted = SecurityHeaders(AdmittedRequests(GraphQLOverHttp()), tls=is_tls)
    return shortcut_protocol(settings.request_timeout, Shortcuts(app.state.endpoint, app, admitted))


async def serve(
    settings: Settings,
    listener: socket.socket,
    *,
    explain: bool = False,
    development_tokens: DevelopmentTokens | None = None,
) -> None:
    """Serve the API on `listener` until SIGINT or SIGTERM. Raises the errors of `open_runtime`.

    `explain`, `development_tokens`: see `create_app`.
    """
    async with open_server(settings, explain=explain, development_tokens=development_tokens) as server:
        collect_less()
        for number in (signal.SIGINT, signal.SIGTERM):
            # uvicorn raises the signal again after serving, when the runtime still has to be closed.
            signal.signal(number, lambda _number, _frame: None)
        await server.serve(sockets=[listener])

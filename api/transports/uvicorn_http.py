"""uvicorn's protocol for HTTP/1.1 with limits on the head of a request.

This module, `api.transports.shortcut_protocol` and `api.transports.sockets.protocol` are the only ones that
know parts of uvicorn which are not in its documentation. tests/unit/test_server_dependencies.py
lists these, and fails where a release changes one.
"""

from __future__ import annotations

import asyncio
import sys
from http import HTTPStatus
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from api.access.client_addresses import client_network
from api.limits.places import Places
from api.transports.disconnects import disconnect

MAX_HEAD = 65_536
"""Bytes of a request's line and headers, where they arrive in several pieces."""


MAX_PENDING_HEADS = 4_000
"""Connections of one client whose head is waited for: more than the system accepts before any is read."""


class HeadLimitProtocol(HttpToolsProtocol):
    """A connection whose client has `head_timeout` seconds for each head, the first one from the start.

    A connection of a client for which too many heads are waited for is cut.
    """

    head_timeout: ClassVar[float]
    pending_heads: ClassVar[Places]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the timeout of the first request."""
        super().connection_made(transport)
        self._size: int | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._network = client_network(self.client[0]) if self.client else ""
        self._has_place = False
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)
        if self._is_responding:
            disconnect(self.cycle.scope)
        self._drop_parser()

    def handle_websocket_upgrade(self) -> None:
        """Give the connection to the protocol of sockets."""
        super().handle_websocket_upgrade()
        self._drop_parser()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._size is None:
            return
        self._size += len(data)
        if self._size > MAX_HEAD:
            self._reject(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif self._timer is None:
            self._wait()

    def on_message_begin(self) -> None:
        """Count the bytes of a head in `_size`."""
        self._size = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Stop the timeout: the head is complete."""
        self._size = None
        self._stop_waiting()
        super().on_headers_complete()

    def _wait(self) -> None:
        if not self._has_place:
            if self.pending_heads.has_all(self._network):
                self.transport.abort()
                return
            self.pending_heads.take(self._network)
            self._has_place = True
        self._timer = self.loop.call_later(self.head_timeout, self._time_out)

    def _stop_waiting(self) -> None:
        if self._has_place:
            self._has_place = False
            self.pending_heads.give_back(self._network)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _time_out(self) -> None:
        if self._is_responding:
            # The client pipelines requests; the one before is served first.
            self._wait()
        else:
            self._reject(HTTPStatus.REQUEST_TIMEOUT)

    def _drop_parser(self) -> None:
        # It refers to this protocol in a cycle. Without it, the memory of many connections that end together
        # is free without a run of the garbage collector, in which all others wait for tens of milliseconds.
        del self.parser

    @property
    def _is_responding(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _reject(self, status: HTTPStatus) -> None:
        """Respond with this status, unless no request or another response is under way; then close."""
        if self._size is not None and not self._is_responding and not self.transport.is_closing():
            self.transport.write(STATUS_LINE[status] + b"content-length: 0\r\nconnection: close\r\n\r\n")
        self.transport.close()


def head_limits(timeout: float) -> dict[str, Any]:
    """Return the attributes of a class of connections, with this timeout of heads in seconds."""
    return {"head_timeout": timeout, "pending_heads": Places(sys.maxsize, MAX_PENDING_HEADS)}


def http_protocol(timeout: float) -> type[asyncio.Protocol]:
    """Return the class of which uvicorn creates HTTP connections, with this timeout of heads in seconds."""
    return type("ConfiguredHttpProtocol", (HeadLimitProtocol,), head_limits(timeout))

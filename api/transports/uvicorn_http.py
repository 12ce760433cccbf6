"""HTTP/1.1 as uvicorn speaks it, with bounds to the head of a request."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

MAX_HEAD = 65_536
"""Bytes of a request's line and headers, where they do not come at once."""


class HeadLimitProtocol(HttpToolsProtocol):
    """A connection whose client has `patience` seconds for each head: for the first from the beginning on."""

    patience: ClassVar[float]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a first request, but not for long."""
        super().connection_made(transport)
        self._size: int | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._size is None:
            return
        self._size += len(data)
        if self._size > MAX_HEAD:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif self._timer is None:
            self._wait()

    def on_message_begin(self) -> None:
        """A head begins; `_size` is what was read of it."""
        self._size = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is there whole."""
        self._size = None
        self._stop_waiting()
        super().on_headers_complete()

    def _wait(self) -> None:
        self._timer = self.loop.call_later(self.patience, self._time_out)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _time_out(self) -> None:
        if self._answering:
            # The next request began early; the one before is served first.
            self._wait()
        else:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self, status: HTTPStatus) -> None:
        """Answer with this status, unless nothing was asked or another answer is under way; then close."""
        if self._size is not None and not self._answering and not self.transport.is_closing():
            self.transport.write(STATUS_LINE[status] + b"content-length: 0\r\nconnection: close\r\n\r\n")
        self.transport.close()


def http_protocol(patience: float) -> type[asyncio.Protocol]:
    """The class for uvicorn to make connections of."""

    class Bounded(HeadLimitProtocol):
        pass

    Bounded.patience = patience
    return Bounded

"""uvicorn's protocol for HTTP/1.1, which serves known requests without parsing them."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, ClassVar, cast

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from api.transports.body_responses import SEND_WHOLE
from api.transports.known_heads import LEARN_HEAD
from api.transports.known_requests import MAX_REQUEST, KnownRequest, note_bytes, note_refusal
from api.transports.shortcuts import Shortcuts
from api.transports.uvicorn_http import HeadLimitProtocol, head_limits
from domain.kernel.limit_errors import RateLimited


class ShortcutProtocol(HeadLimitProtocol):
    """A connection on which a known request is served at once, if no other one is under way.

    Such a request arrives in one piece, and nothing with it. So does one with a known head, which is served
    without the guards. All others are parsed, and served by the application. Data that arrives while a known
    request is served waits for its response.
    """

    shortcuts: ClassVar[Shortcuts]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._is_serving = False
        self._closes = False
        self._is_in_message = False
        self._held: list[bytes] = []
        self._begun = 0

    def data_received(self, data: bytes) -> None:
        if self._is_serving:
            self._held.append(data)
            self.flow.pause_reading()
        elif not self._is_idle:
            self._parse(data)
        elif (request := self.shortcuts.find(data)) is not None:
            self._serve(request)
        else:
            self._receive(data)

    def on_message_begin(self) -> None:
        """Count the messages of the data that arrived."""
        self._begun += 1
        self._is_in_message = True
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """Note that the next byte begins a message."""
        self._is_in_message = False
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._held.clear()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Close the connection as soon as its response is sent."""
        if self._is_serving:
            self._closes = True
        else:
            super().shutdown()

    @property
    def _is_idle(self) -> bool:
        """Whether no request is under way, and the last response is on its way to the client."""
        return not (
            self._is_in_message
            or self._is_responding
            or self.pipeline
            or self.flow.write_paused
            or self.transport.is_closing()
        )

    def _parse(self, data: bytes, refusal: RateLimited | None = None) -> None:
        """Let the application serve the requests in the data, of which the only one may be refused."""
        is_whole, self._begun, former = self._is_idle and len(data) <= MAX_REQUEST, 0, self.cycle
        super().data_received(data)
        cycle, scope = self.cycle, cast(dict[str, Any], self.scope)
        if not is_whole or self._begun != 1 or self._is_in_message or cycle is former:
            return
        # The application runs in a task, which has not begun yet.
        if cycle.keep_alive and not self.expect_100_continue and scope["method"] == "POST":
            note_bytes(scope, data)
            scope[SEND_WHOLE] = partial(self._send_whole, cycle)
            scope[LEARN_HEAD] = partial(self.shortcuts.heads.learn, data, scope)
        if refusal is not None:
            note_refusal(scope, refusal)

    def _receive(self, data: bytes, refusal: RateLimited | None = None) -> None:
        """Let a request with a known head be served without its guards, or else parse the data."""
        found = self.shortcuts.find_body(data)
        if found is None:
            self._parse(data, refusal)
            return
        self._unset_keepalive_if_required()
        self._stop_waiting()
        scope, body = found
        scope.update(client=self.client, server=self.server, state=self.app_state.copy())
        cycle = self._make_cycle(scope)
        cycle.body, cycle.more_body = bytearray(body), False
        cycle.message_event.set()
        self.scope, self.cycle = cast(Any, scope), cycle
        note_bytes(scope, data)
        scope[SEND_WHOLE] = partial(self._send_whole, cycle)
        if refusal is not None:
            note_refusal(scope, refusal)
        self._start_asgi_task(cycle, cast(Any, self.shortcuts.admitted))

    def _make_cycle(self, scope: Scope) -> RequestResponseCycle:
        return RequestResponseCycle(
            scope=cast(Any, scope),
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=True,
            on_response=self.on_response_complete,
        )

    def _serve(self, request: KnownRequest) -> None:
        self._unset_keepalive_if_required()
        self._stop_waiting()
        self._is_serving = True
        peer = self.client[0] if self.client else None
        self.shortcuts.serve(request, peer, partial(self._end, request))

    def _end(self, request: KnownRequest, body: bytes | None, refusal: RateLimited | None) -> None:
        self._is_serving = False
        if self.transport.is_closing():
            return
        if body is None:
            self._receive(request.sent, refusal)
            if self._closes:
                super().shutdown()
        else:
            self._respond(request.head, body)
        if self._held:
            held = b"".join(self._held)
            self._held.clear()
            self.flow.resume_reading()
            self.data_received(held)

    def _send_whole(self, cycle: RequestResponseCycle, head: bytes, body: bytes) -> bool:
        """Send the response to the request of this cycle, unless it has to wait or the client has left."""
        if cycle.response_started or self.flow.write_paused or self.transport.is_closing():
            return False
        cycle.response_started = cycle.response_complete = True
        cycle.message_event.set()
        self._write(head, body, closes=not cycle.keep_alive)
        if not cycle.keep_alive:
            self.transport.close()
        cycle.on_response()
        return True

    def _write(self, head: bytes, body: bytes, *, closes: bool) -> None:
        defaults = b"".join([b"%b: %b\r\n" % header for header in self.server_state.default_headers])
        end = b"connection: close\r\n\r\n" if closes else b"\r\n"
        self.transport.write(b"".join((STATUS_LINE[200], defaults, head, end, body)))

    def _respond(self, head: bytes, body: bytes) -> None:
        self._write(b"content-length: %d\r\n%b" % (len(body), head), body, closes=self._closes)
        self.server_state.total_requests += 1
        if self._closes:
            self.transport.close()
        else:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )


def shortcut_protocol(timeout: float, shortcuts: Shortcuts) -> type[asyncio.Protocol]:
    """Return the class of which uvicorn creates HTTP connections, with this timeout of heads in seconds."""
    parts = {**head_limits(timeout), "shortcuts": shortcuts}
    return type("ConfiguredShortcutProtocol", (ShortcutProtocol,), parts)

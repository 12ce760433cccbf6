"""One WebSocket as the event loop sees it: handshake, frames in, bytes out, end (RFC 6455)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from time import perf_counter
from typing import Any, ClassVar, cast

from uvicorn import Config
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import SEND_EOF, State

from api.access.admissions import Admission
from api.access.callers import ANONYMOUS
from api.access.credentials import combine_headers
from api.connections.open_connections import RunningOperation
from api.limits.refused_work import client_of
from api.transports.sockets.close_codes import (
    BAD_REQUEST,
    INIT_TIMEOUT,
    INTERNAL_ERROR,
    SUBPROTOCOL_NOT_ACCEPTABLE,
    TOO_MANY_REQUESTS,
    ProtocolViolation,
)
from api.transports.sockets.connection import Connection
from api.transports.sockets.frame_parser import SUBPROTOCOL, FrameParser
from api.transports.sockets.frames import PING
from api.transports.sockets.handshakes import answer_handshake
from api.transports.sockets.inflow import Inflow
from api.transports.sockets.liveness import Liveness
from api.transports.sockets.outbox import Outbox
from api.transports.sockets.registry import SocketRegistry

logger = logging.getLogger(__name__)

_MAX_REASON = 123
"""Bytes that a close frame has room for."""


class SocketProtocol(asyncio.Protocol):
    """The protocol that uvicorn creates for each connection that requests a WebSocket."""

    registry: ClassVar[SocketRegistry]

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any]) -> None:
        # uvicorn shuts down all connections of this set, and waits until each has left it.
        self._served: set[Any] = server_state.connections
        self._parser = FrameParser(self.registry.limits.max_message)
        self._connection: Connection | None = None
        self._fragments = bytearray()
        self._timer: asyncio.TimerHandle | None = None
        self._address: str | None = None
        self._ended = False
        self._liveness = Liveness()

    @property
    def operations(self) -> int:
        """The number of running operations."""
        return self._connection.operations if self._connection else 0

    @property
    def admission(self) -> Admission | None:
        """The admission of the client, while it has one."""
        return self._connection.admission if self._connection else None

    def running(self) -> Iterator[RunningOperation]:
        """Yield the running operations."""
        return self._connection.running() if self._connection else iter(())

    @property
    def outstanding(self) -> int:
        """Bytes that are written and have not left this process."""
        return self._outbox.outstanding

    @property
    def code(self) -> int:
        """The code of the first close frame, 1006 if there was none."""
        return self._parser.close_sent.code if self._parser.close_sent else 1006

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclass of asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        # With 0, event loops take an empty buffer for a full one over TLS (python/cpython#102792).
        self._transport.set_write_buffer_limits(high=1)
        self._outbox = Outbox(
            self._transport,
            self.registry.coalescer,
            self.registry.limits.max_outstanding,
            on_full=self._pause,
            on_drained=self._resume,
        )
        registry = self.registry
        self._rates = registry.limits.rates(perf_counter())
        self._inflow = Inflow(
            self._transport, registry.loop, registry.turns, self._rates, self._handle, self._end_flood
        )
        self._served.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._served.discard(self)
        self._end()
        self._inflow.stop()
        if self._timer:
            self._timer.cancel()
            self._timer = None
        self.registry.remove(self)
        # It refers to the parser in a cycle; see `HeadLimitProtocol`.
        self._parser.parser.close()

    def data_received(self, data: bytes) -> None:
        self._liveness.note_sign()
        self._inflow.receive(data)

    def pause_writing(self) -> None:
        self._outbox.pause()

    def resume_writing(self) -> None:
        self._liveness.note_sign()
        self._outbox.resume()

    def eof_received(self) -> None:
        # A client that has closed its side is gone. The loop closes the transport where nothing is returned
        # here.
        self._end()

    def shutdown(self) -> None:
        """End what does not end by itself, then ask the client to reconnect: the process stops."""
        self.registry.drain()
        if self._connection:
            self._connection.drain()

    def close(self, code: int, reason: str) -> None:
        """Close the socket with this code behind all that was written, unless it is closing already."""
        if self._parser.state is State.OPEN:
            self._parser.send_close(code, reason.encode()[:_MAX_REASON].decode(errors="ignore"))
            self._write()

    def initialise(self) -> None:
        """Note that the client was admitted."""
        self.registry.initialise(self)

    def check(self) -> None:
        """Ping the client; abort the socket if the client has given no sign of life for too long."""
        if self._liveness.check(self._outbox.stuck):
            self._outbox.write(PING)
        else:
            self._transport.abort()

    def _handle(self, data: bytes) -> None:
        """Handle a piece of what was received."""
        self._parser.receive_data(data)
        for event in self._parser.events_received():
            if isinstance(event, Request):
                self._shake_hands(event)
            elif isinstance(event, Frame):
                self._rates.count_frame(len(event.data))
                if self._connection:
                    self._take(event, self._connection)
        self._write()

    def _end_flood(self) -> None:
        self.close(TOO_MANY_REQUESTS, self.registry.limits.flood_reason)

    def _shake_hands(self, request: Request) -> None:
        headers = combine_headers(request.headers.raw_items())
        self._address = self._find_address(request)
        response = answer_handshake(request, headers, self._address, self._parser, self.registry)
        if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            self._parser.send_response(response)
            self._open(headers)
        else:
            self._refuse_later(response)

    def _refuse_later(self, response: Response) -> None:
        """Refuse the handshake in the client's turn; until then nothing is read."""
        pace = self.registry.endpoint.refusal_pace
        delay = 0.0 if pace is None else pace.delay(client_of(ANONYMOUS, self._address))
        if delay is None:
            self._transport.abort()
        elif delay:
            self._inflow.hold()
            self._timer = self.registry.loop.call_later(delay, self._refuse, response)
        else:
            self._refuse(response)

    def _refuse(self, response: Response) -> None:
        self._parser.send_response(response)
        self._write()

    def _find_address(self, request: Request) -> str | None:
        peer = self._transport.get_extra_info("peername")
        forwarded = request.headers.get_all("x-forwarded-for")
        return self.registry.endpoint.addresses.find(peer[0] if peer else None, forwarded)

    def _open(self, headers: Mapping[str, str]) -> None:
        registry = self.registry
        registry.add(self, self._address)
        if self._parser.subprotocol is None:
            self.close(SUBPROTOCOL_NOT_ACCEPTABLE, f"Use the subprotocol {SUBPROTOCOL}")
            return
        limits = registry.limits
        self._connection = Connection(
            registry.endpoint,
            limits.max_operations,
            self._rates,
            headers,
            self._address,
            self._outbox,
            self,
        )
        self._timer = registry.loop.call_later(limits.init_timeout, self._time_out)

    def _time_out(self) -> None:
        if self._connection and not self._connection.initialised:
            self.close(INIT_TIMEOUT, "Connection initialisation timeout")

    def _take(self, frame: Frame, connection: Connection) -> None:
        try:
            if frame.opcode is Opcode.BINARY:
                raise ProtocolViolation(BAD_REQUEST, "Invalid message: not text")
            if frame.opcode is Opcode.TEXT or frame.opcode is Opcode.CONT:
                self._fragments += frame.data
                if frame.fin:
                    text, self._fragments = self._fragments, bytearray()
                    connection.receive(text)
        except ProtocolViolation as violation:
            self.close(violation.code, violation.reason)
        except Exception:
            logger.exception("a message could not be handled")
            self.close(INTERNAL_ERROR, "Internal error")

    def _pause(self) -> None:
        # Nothing is read from a client that does not read: answers to its pings and queries would pile up.
        self._inflow.hold()
        if self._connection:
            self._connection.pause()

    def _resume(self) -> None:
        self._inflow.release()
        if self._connection:
            self._connection.resume()

    def _write(self) -> None:
        """Send the parser's own frames behind what was written; its last one ends the socket."""
        pieces = self._parser.data_to_send()
        for piece in pieces:
            self._outbox.write(piece)
        # A handshake that arrives in several pieces is neither open nor over.
        if self._parser.state not in (State.CONNECTING, State.OPEN) or SEND_EOF in pieces:
            self._end()
        if SEND_EOF in pieces:
            if self._parser.parser_exc is None or not self._transport.can_write_eof():
                self._transport.close()
            else:
                # A close with unread bytes is a reset, and the client might not see the code.
                self._transport.write_eof()

    def _end(self) -> None:
        """Send nothing more. What is queued, and the client's close frame, get a short time."""
        if self._ended:
            return
        self._ended = True
        if self._connection:
            self._connection.end()
            self._connection = None
        self._outbox.seal()
        self._inflow.release()
        if self._timer:
            self._timer.cancel()
        self._timer = self.registry.loop.call_later(self.registry.limits.close_timeout, self._transport.abort)


def socket_protocol(sockets: SocketRegistry) -> type[asyncio.Protocol]:
    """Return the class of which uvicorn creates the sockets of this registry."""

    class ConfiguredSocketProtocol(SocketProtocol):
        registry = sockets

    return ConfiguredSocketProtocol

"""One WebSocket as the loop sees it: the handshake, frames in, bytes out, and how it ends (RFC 6455)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar, cast

from uvicorn import Config
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import SEND_EOF, State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from api.encoding import encode
from api.graphql.error_bodies import refused_result
from api.transports.response_formats import JSON
from api.transports.sockets.connection import (
    BAD_REQUEST,
    INIT_TIMEOUT,
    INTERNAL_ERROR,
    SUBPROTOCOL,
    SUBPROTOCOL_NOT_ACCEPTABLE,
    Connection,
    ProtocolViolation,
)
from api.transports.sockets.frames import PING
from api.transports.sockets.liveness import Liveness
from api.transports.sockets.outbox import Outbox
from api.transports.sockets.registry import SocketRegistry
from domain.kernel.errors import Forbidden

logger = logging.getLogger(__name__)

_REASON = 123
"""Bytes that a close frame has room for."""


class SocketProtocol(asyncio.Protocol):
    """What uvicorn makes for each connection that asks for a WebSocket."""

    sockets: ClassVar[SocketRegistry]

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any]) -> None:
        # uvicorn tells all that are in there to shut down, and waits until they have gone.
        self._peers: set[Any] = server_state.connections
        self._parser = ServerProtocol(
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            select_subprotocol=_select,
            max_size=self.sockets.limits.max_message,
        )
        self._connection: Connection | None = None
        self._fragments = bytearray()
        self._timer: asyncio.TimerHandle | None = None
        self._ending = False
        self._life = Liveness()

    @property
    def operations(self) -> int:
        """How many operations run over it."""
        return self._connection.operations if self._connection else 0

    @property
    def outstanding(self) -> int:
        """Bytes that are written and still in this process."""
        return self._outbox.outstanding

    @property
    def code(self) -> int:
        """The code of the close frame that came first, 1006 where there was none."""
        return self._parser.close_sent.code if self._parser.close_sent else 1006

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclass of asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=0)
        self._outbox = Outbox(self._transport, self.sockets.joint, self.sockets.limits.max_outstanding)
        self._outbox.overflowing = self._pause
        self._outbox.relieved = self._resume
        self._peers.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._peers.discard(self)
        self._end()
        if self._timer:
            self._timer.cancel()
        self.sockets.remove(self)

    def data_received(self, data: bytes) -> None:
        self._life.seen = True
        self._parser.receive_data(data)
        for event in self._parser.events_received():
            if isinstance(event, Request):
                self._shake_hands(event)
            elif isinstance(event, Frame) and self._connection:
                self._take(event, self._connection)
        self._write()

    def pause_writing(self) -> None:
        self._outbox.pause()

    def resume_writing(self) -> None:
        self._life.seen = True
        self._outbox.resume()

    def eof_received(self) -> None:
        # Who does not listen any more is gone; the loop closes what returns nothing here.
        self._end()

    def shutdown(self) -> None:
        """The process stops: end what does not end by itself, then ask the client to come back."""
        self.sockets.draining = True
        if self._connection:
            self._connection.drain()

    def close(self, code: int, reason: str) -> None:
        """Close it with this code, behind all that was written; nothing where it is closing already."""
        if self._parser.state is State.OPEN:
            self._parser.send_close(code, reason.encode()[:_REASON].decode(errors="ignore"))
            self._write()

    def check(self) -> None:
        """Ping the other side; cut the socket where that has shown no sign of life for too long."""
        if self._life.over(self._outbox.stuck):
            self._transport.abort()
        else:
            self._outbox.write(PING)

    def _shake_hands(self, request: Request) -> None:
        parser, sockets = self._parser, self.sockets
        headers = {name.lower(): value for name, value in request.headers.raw_items()}
        if request.path.partition("?")[0] not in sockets.paths:
            place = sockets.paths[0]
            response = parser.reject(HTTPStatus.NOT_FOUND, f"Sockets are served at {place} alone.\n")
        elif sockets.full:
            response = parser.reject(HTTPStatus.SERVICE_UNAVAILABLE, "No more sockets; try another server.\n")
        else:
            response = self._refuse_page(headers) or parser.accept(request)
        parser.send_response(response)
        if parser.state is State.OPEN:
            self._open(headers)

    def _refuse_page(self, headers: Mapping[str, str]) -> Response | None:
        """The response to a handshake of a page that may not use the API; None for any other."""
        get = headers.get
        try:
            self.sockets.policy.check(get("host"), get("origin"), get("sec-fetch-site"))
        except Forbidden as error:
            self.sockets.refusals.add(error)
            response = self._parser.reject(HTTPStatus.FORBIDDEN, encode(refused_result(error)).decode())
            del response.headers["Content-Type"]
            response.headers["Content-Type"] = JSON.content_type
            return response
        return None

    def _open(self, headers: Mapping[str, str]) -> None:
        sockets = self.sockets
        sockets.add(self)
        if self._parser.subprotocol is None:
            self.close(SUBPROTOCOL_NOT_ACCEPTABLE, f"Use the subprotocol {SUBPROTOCOL}")
            return
        most = sockets.limits.max_operations
        self._connection = Connection(sockets.endpoint, most, headers, self._outbox, self)
        self._timer = sockets.loop.call_later(sockets.limits.init_timeout, self._time_out)

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
            self.close(INTERNAL_ERROR, "Something went wrong inside")

    def _pause(self) -> None:
        # Who does not read is not read from: answers to its pings and queries would pile up.
        self._transport.pause_reading()
        if self._connection:
            self._connection.pause()

    def _resume(self) -> None:
        self._transport.resume_reading()
        if self._connection:
            self._connection.resume()

    def _write(self) -> None:
        """Send what the parser has to say, behind what was written; its last word ends the socket."""
        pieces = self._parser.data_to_send()
        for piece in pieces:
            self._outbox.write(piece)
        if self._parser.state is not State.OPEN:
            self._end()
        if SEND_EOF in pieces:
            if self._parser.parser_exc is None:
                self._transport.close()
            else:
                # With bytes unread a close is a reset, and the client might not see the code.
                self._transport.write_eof()

    def _end(self) -> None:
        """Nothing is sent any more; what is queued, and the client's farewell, have a little time."""
        if self._ending:
            return
        self._ending = True
        if self._connection:
            self._connection.end()
            self._connection = None
        self._outbox.seal()
        if not self._transport.is_closing():
            self._transport.resume_reading()
        if self._timer:
            self._timer.cancel()
        self._timer = self.sockets.loop.call_later(self.sockets.limits.parting, self._transport.abort)


def socket_protocol(sockets: SocketRegistry) -> type[asyncio.Protocol]:
    """The class for uvicorn to make the sockets of."""

    class Served(SocketProtocol):
        pass

    Served.sockets = sockets
    return Served


def _select(parser: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    # Without it the handshake is accepted too: a client can be told the code 4406 on an open socket only.
    return next((one for one in offered if one == SUBPROTOCOL), None)

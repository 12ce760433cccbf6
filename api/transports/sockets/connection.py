"""graphql-transport-ws: any number of operations over one socket.

The protocol: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Mapping
from typing import Any, Protocol

import orjson
from graphql import OperationType

from api.access.admissions import Admission
from api.graphql.error_bodies import refused_result
from api.graphql.execution.executor import OperationRefused, PreparedOperation
from api.graphql.execution.operation_request import read_operation
from api.graphql.execution.request_context import RequestContext
from api.transports.endpoint import Endpoint, traced
from api.transports.sockets.frames import message_frame
from api.transports.sockets.limiter import Limiter
from api.transports.sockets.outbox import Outbox
from api.transports.sockets.socket_operations import SocketOperation, SocketSubscription, refused
from domain.kernel.errors import NerveError, RateLimited, Unavailable, ValidationFailed

logger = logging.getLogger(__name__)

SUBPROTOCOL = "graphql-transport-ws"

INVALID_TEXT = 1007
INTERNAL_ERROR = 1011
SERVICE_RESTART = 1012
TRY_AGAIN_LATER = 1013
BAD_REQUEST = 4400
UNAUTHORIZED = 4401
FORBIDDEN = 4403
SUBPROTOCOL_NOT_ACCEPTABLE = 4406
INIT_TIMEOUT = 4408
SUBSCRIBER_EXISTS = 4409
TOO_MANY_INITS = 4429


class ProtocolViolation(Exception):
    """The client broke the protocol; the socket is closed with this code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class ClosableSocket(Protocol):
    """The socket as its connection sees it."""

    def close(self, code: int, reason: str) -> None:
        """Close it once all that was written is out."""


class Connection:
    """One accepted socket, what its client may do on it, and its running operations."""

    def __init__(
        self,
        endpoint: Endpoint,
        max_operations: int,
        headers: Mapping[str, str],
        outbox: Outbox,
        socket: ClosableSocket,
    ) -> None:
        self._endpoint = endpoint
        self._max_operations = max_operations
        self._headers = headers
        self._outbox = outbox
        self._socket = socket
        self._deciding: asyncio.Task[None] | None = None
        self._admission: Admission | None = None
        self._context: RequestContext | None = None
        self._operations: dict[str, SocketSubscription | SocketOperation] = {}
        self._turns = Limiter()
        self._paused = False
        self._draining = False

    @property
    def initialised(self) -> bool:
        """Whether the client has said `connection_init` and was let in."""
        return self._context is not None

    @property
    def operations(self) -> int:
        """How many run."""
        return len(self._operations)

    def receive(self, text: bytes | bytearray) -> None:
        """Take one message of the client; raises Violation."""
        message = _read(text)
        match message:
            case {"type": "connection_init"}:
                self._initialise(message.get("payload"))
            case {"type": "ping"}:
                self._answer(message)
            case {"type": "pong"}:
                pass
            case {"type": "subscribe", "id": str(id), "payload": dict(payload)} if id:
                self._start(id, payload)
            case {"type": "complete", "id": str(id)}:
                if operation := self._operations.get(id):
                    operation.close()
                    self._ended(id)
            case _:
                raise ProtocolViolation(
                    BAD_REQUEST, "Invalid message: unknown type, or id or payload missing"
                )

    def pause(self) -> None:
        """Nothing is delivered until `resume`: enough is outstanding."""
        self._paused = True
        self._turns.hold()
        for operation in self._operations.values():
            if isinstance(operation, SocketSubscription):
                operation.subscription.pause()

    def resume(self) -> None:
        """Deliver again; who is resumed may at once have so much that it pauses all again."""
        self._paused = False
        for key, operation in list(self._operations.items()):
            if self._paused:
                return
            if isinstance(operation, SocketSubscription) and key in self._operations:
                # Next time those come first that had no turn now.
                self._operations[key] = self._operations.pop(key)
                operation.subscription.resume()
        self._turns.release()

    def drain(self) -> None:
        """Begin nothing any more, and close once what runs and will end by itself is done."""
        self._draining = True
        for key, operation in list(self._operations.items()):
            if isinstance(operation, SocketSubscription):
                del self._operations[key]
                operation.close()
        self._close_if_drained()

    def end(self) -> None:
        """The socket is gone, and with it all that runs over it."""
        if self._deciding:
            self._deciding.cancel()
        if self._admission:
            self._endpoint.admissions.release(self._admission)
        operations, self._operations = self._operations, {}
        self._turns.hold()
        for operation in operations.values():
            operation.close()

    def _initialise(self, payload: Any) -> None:
        if not isinstance(payload, dict | None):
            raise ProtocolViolation(
                BAD_REQUEST, "Invalid message: the payload of connection_init is not an object"
            )
        if self._deciding or self._context:
            raise ProtocolViolation(TOO_MANY_INITS, "Too many initialisation requests")
        said = {name.lower(): value for name, value in (payload or {}).items() if isinstance(value, str)}
        headers = {**self._headers, **said}
        try:
            admitted = self._endpoint.admissions.admit(headers)
            if isinstance(admitted, Admission):
                self._acknowledge(admitted, headers)
            else:
                self._deciding = asyncio.create_task(self._decide(admitted, headers))
        except NerveError as error:
            raise _violation(error) from None

    async def _decide(self, deciding: Awaitable[Admission], headers: Mapping[str, str]) -> None:
        try:
            self._acknowledge(await deciding, headers)
        except NerveError as error:
            violation = _violation(error)
            self._socket.close(violation.code, violation.reason)
        except Exception:
            logger.exception("it could not be decided whether a socket is let in")
            self._socket.close(INTERNAL_ERROR, "Something went wrong inside")

    def _acknowledge(self, admission: Admission, headers: Mapping[str, str]) -> None:
        self._admission = admission
        self._endpoint.admissions.hold(admission, self._shut_out)
        self._context = self._endpoint.context(headers, admission.caller)
        self._send({"type": "connection_ack"})

    def _shut_out(self, error: NerveError) -> None:
        self._socket.close(FORBIDDEN, str(error))

    def _answer(self, ping: dict[str, Any]) -> None:
        pong = {"type": "pong"} | {k: v for k, v in ping.items() if k == "payload"}
        try:
            self._send(pong)
        except TypeError:
            # What can be read is written again, except for what is nested very deep.
            raise ProtocolViolation(BAD_REQUEST, "Invalid message: the payload is nested too deep") from None

    def _start(self, id: str, payload: dict[str, Any]) -> None:
        if self._context is None:
            raise ProtocolViolation(UNAUTHORIZED, "Unauthorized")
        if id in self._operations:
            raise ProtocolViolation(SUBSCRIBER_EXISTS, f"Subscriber for {id} already exists")
        if self._draining:
            return
        try:
            if len(self._operations) >= self._max_operations:
                raise RateLimited(f"a socket runs {self._max_operations} operations at most")
            prepared = self._endpoint.executor.prepare(read_operation(payload))
        except OperationRefused as error:
            self._outbox.write(refused(id, error.result["errors"]))
        except (RateLimited, ValidationFailed) as error:
            self._outbox.write(refused(id, refused_result(error)["errors"]))
        else:
            self._run(id, prepared, self._context)

    def _run(self, id: str, prepared: PreparedOperation, context: RequestContext) -> None:
        if prepared.kind is not OperationType.SUBSCRIPTION:
            once = SocketOperation(id, self._endpoint.executor, prepared, context, self._outbox, self._ended)
            self._operations[id] = once
            self._turns.add(once)
            return
        live = SocketSubscription(id, self._outbox, self._ended)
        with traced(context.headers):
            live.subscription = self._endpoint.subscriptions.open(prepared, context, live)
        self._operations[id] = live
        if self._paused:
            live.subscription.pause()

    def _ended(self, id: str) -> None:
        operation = self._operations.pop(id, None)
        if isinstance(operation, SocketOperation):
            self._turns.remove(operation)
        self._close_if_drained()

    def _close_if_drained(self) -> None:
        if self._draining and not self._operations:
            self._socket.close(SERVICE_RESTART, "reconnect and resume")

    def _send(self, message: dict[str, Any]) -> None:
        self._outbox.write(message_frame(message))


def _violation(error: NerveError) -> ProtocolViolation:
    """How a socket that is not let in is closed: for good, or until there is room or an answer again."""
    again = isinstance(error, RateLimited | Unavailable)
    return ProtocolViolation(TRY_AGAIN_LATER if again else FORBIDDEN, str(error))


def _read(text: bytes | bytearray) -> dict[str, Any]:
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError:
        _check_encoding(text)
        raise ProtocolViolation(BAD_REQUEST, "Invalid message: not JSON") from None
    if not isinstance(message, dict):
        raise ProtocolViolation(BAD_REQUEST, "Invalid message: not an object")
    return message


def _check_encoding(text: bytes | bytearray) -> None:
    # RFC 6455, section 8.1, has a code of its own for text that is none.
    try:
        text.decode()
    except UnicodeDecodeError:
        raise ProtocolViolation(INVALID_TEXT, "Invalid message: not UTF-8") from None

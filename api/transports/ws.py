"""graphql-transport-ws: any number of operations over one socket.

The protocol: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import orjson
from graphql import OperationType
from starlette.websockets import WebSocket, WebSocketDisconnect

from api.encoding import encode
from api.graphql.context import RequestContext
from api.graphql.errors import refusal
from api.graphql.fields.inputs import read_input
from api.graphql.running.execution import Operation, Refused, Result
from api.transports.requests import Endpoint, traced
from domain.kernel.errors import ValidationFailed

SUBPROTOCOL = "graphql-transport-ws"

BAD_REQUEST = 4400
UNAUTHORIZED = 4401
SUBPROTOCOL_NOT_ACCEPTABLE = 4406
INIT_TIMEOUT = 4408
SUBSCRIBER_EXISTS = 4409
TOO_MANY_INITS = 4429


class Violation(Exception):
    """The client broke the protocol; the socket is closed with this code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        # A close frame has room for 123 bytes.
        self.reason = reason.encode()[:123].decode(errors="ignore")


async def serve_ws(socket: WebSocket, endpoint: Endpoint) -> None:
    """Serve one socket until either side closes it; its operations end with it."""
    if SUBPROTOCOL not in socket.scope["subprotocols"]:
        await socket.accept()
        await socket.close(SUBPROTOCOL_NOT_ACCEPTABLE, f"Use the subprotocol {SUBPROTOCOL}")
        return
    await socket.accept(SUBPROTOCOL)
    try:
        async with asyncio.TaskGroup() as operations:
            await Connection(socket, endpoint, operations).run()
    except* WebSocketDisconnect:
        pass
    except* Violation as violations:
        violation = violations.exceptions[0]
        assert isinstance(violation, Violation)
        await socket.close(violation.code, violation.reason)


class Connection:
    """One accepted socket and its running operations."""

    def __init__(self, socket: WebSocket, endpoint: Endpoint, operations: asyncio.TaskGroup) -> None:
        self._socket = socket
        self._endpoint = endpoint
        self._group = operations
        self._context: RequestContext | None = None
        self._operations: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Handle messages until the client leaves; raises Violation or WebSocketDisconnect."""
        try:
            async with asyncio.timeout(self._endpoint.init_timeout):
                while self._context is None:
                    await self._handle(await self._receive())
        except TimeoutError:
            raise Violation(INIT_TIMEOUT, "Connection initialisation timeout") from None
        while True:
            await self._handle(await self._receive())

    async def _receive(self) -> Mapping[str, Any]:
        received = await self._socket.receive()
        if received["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(received.get("code", 1005))
        try:
            message = orjson.loads(received.get("text") or b"")
        except orjson.JSONDecodeError:
            raise Violation(BAD_REQUEST, "Invalid message: not JSON text") from None
        if not isinstance(message, dict):
            raise Violation(BAD_REQUEST, "Invalid message: not an object")
        return message

    async def _handle(self, message: Mapping[str, Any]) -> None:
        match message:
            case {"type": "connection_init"}:
                await self._initialise(message.get("payload"))
            case {"type": "ping"}:
                await self._send({"type": "pong"} | {k: v for k, v in message.items() if k == "payload"})
            case {"type": "pong"}:
                pass
            case {"type": "subscribe", "id": str(id), "payload": dict(payload)} if id:
                self._start(id, payload)
            case {"type": "complete", "id": str(id)}:
                if task := self._operations.pop(id, None):
                    task.cancel()
            case _:
                raise Violation(BAD_REQUEST, "Invalid message: unknown type, or id or payload missing")

    async def _initialise(self, payload: Any) -> None:
        if self._context is not None:
            raise Violation(TOO_MANY_INITS, "Too many initialisation requests")
        if not isinstance(payload, dict | None):
            raise Violation(BAD_REQUEST, "Invalid message: the payload of connection_init is not an object")
        said = {name.lower(): value for name, value in (payload or {}).items() if isinstance(value, str)}
        self._context = self._endpoint.context({**self._socket.headers, **said})
        await self._send({"type": "connection_ack"})

    def _start(self, id: str, payload: dict[str, Any]) -> None:
        if self._context is None:
            raise Violation(UNAUTHORIZED, "Unauthorized")
        if id in self._operations:
            raise Violation(SUBSCRIBER_EXISTS, f"Subscriber for {id} already exists")
        self._operations[id] = self._group.create_task(self._operate(id, payload, self._context))

    async def _operate(self, id: str, payload: dict[str, Any], context: RequestContext) -> None:
        with traced(context.headers):
            async with aclosing(self._results(payload, context)) as results:
                async for result in results:
                    if "data" not in result:
                        await self._finish(id, {"type": "error", "payload": result["errors"]})
                        return
                    await self._send({"id": id, "type": "next", "payload": result})
            await self._finish(id, {"type": "complete"})

    async def _finish(self, id: str, message: dict[str, Any]) -> None:
        # The id is free before the client can know that the operation is over.
        del self._operations[id]
        await self._send({"id": id, **message})

    async def _results(
        self, payload: dict[str, Any], context: RequestContext
    ) -> AsyncGenerator[Result, None]:
        executor = self._endpoint.executor
        try:
            prepared = executor.prepare(read_input(Operation, payload, "payload"))
        except Refused as refused:
            yield refused.result
        except ValidationFailed as error:
            yield refusal(error)
        else:
            if prepared.kind is not OperationType.SUBSCRIPTION:
                yield await executor.execute(prepared, context)
                return
            async with aclosing(executor.subscribe(prepared, context)) as results:
                async for result in results:
                    yield result

    async def _send(self, message: dict[str, Any]) -> None:
        await self._socket.send({"type": "websocket.send", "text": encode(message).decode()})

"""The protocol graphql-transport-ws: any number of operations over one socket.

The protocol: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from typing import Any, TypeVar

from graphql import OperationType

from api.access.admissions import Admission
from api.connections.open_connections import RunningOperation
from api.graphql.error_bodies import refused_result
from api.graphql.execution.execution_results import OperationRefused
from api.graphql.execution.executor import PreparedOperation
from api.graphql.execution.operation_request import read_operation
from api.graphql.execution.request_context import RequestContext
from api.graphql.execution.visible_apis import VisibleApi
from api.limits.caller_limits import Permit
from api.transports.endpoint import AdmittedCaller, Endpoint, traced
from api.transports.running_operations import RunningSubscription
from api.transports.sockets.accepted_socket import AcceptedSocket
from api.transports.sockets.close_codes import (
    BAD_REQUEST,
    INTERNAL_ERROR,
    SERVICE_RESTART,
    SUBSCRIBER_EXISTS,
    TOO_MANY_REQUESTS,
    UNAUTHORIZED,
    ProtocolViolation,
)
from api.transports.sockets.frames import message_frame
from api.transports.sockets.incoming_messages import read_message
from api.transports.sockets.limiter import Limiter
from api.transports.sockets.outbox import Outbox
from api.transports.sockets.preparations import REFUSALS, RefusedSocketWork
from api.transports.sockets.socket_admission import SocketAdmission, has_credentials
from api.transports.sockets.socket_operations import SocketOperation, SubscriptionSink, error_frame
from api.transports.sockets.socket_rates import SocketRates
from domain.kernel.errors import NerveError
from domain.kernel.limit_errors import RateLimited

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Connection:
    """The protocol's state on one accepted socket, and its running operations."""

    def __init__(
        self,
        endpoint: Endpoint,
        max_operations: int,
        rates: SocketRates,
        headers: Mapping[str, str],
        address: str | None,
        outbox: Outbox,
        socket: AcceptedSocket,
    ) -> None:
        self._endpoint = endpoint
        self._max_operations = max_operations
        self._rates = rates
        self._refused_work = RefusedSocketWork(endpoint.refused_work, address)
        self._address = address
        self._outbox = outbox
        self._socket = socket
        self._access = SocketAdmission(endpoint, headers, address, socket.close)
        self._api: VisibleApi | None = None
        self._context: RequestContext | None = None
        self._subscriptions: dict[str, RunningSubscription] = {}
        self._running: dict[str, SocketOperation] = {}
        self._waiting: dict[str, asyncio.Task[None]] = {}
        """The operations that wait for a permit, or for their turn to be parsed."""
        self._permits: dict[str, Permit] = {}
        self._limiter = Limiter()
        self._paused = False
        self._draining = False

    @property
    def initialised(self) -> bool:
        """Whether the client has sent `connection_init` and was admitted."""
        return self._context is not None

    @property
    def operations(self) -> int:
        """The number of running operations."""
        return len(self._subscriptions) + len(self._running) + len(self._waiting)

    @property
    def admission(self) -> Admission | None:
        """The admission of the client, once it has one."""
        return self._access.admission

    def running(self) -> Iterator[RunningOperation]:
        """Yield the subscriptions, queries and mutations that run."""
        yield from (running.describe(key) for key, running in self._subscriptions.items())
        yield from (operation.describe() for operation in self._running.values())

    def receive(self, text: bytes | bytearray) -> None:
        """Handle one message of the client; raises ProtocolViolation."""
        message = read_message(text)
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
                self._complete(id)
            case _:
                raise ProtocolViolation(
                    BAD_REQUEST, "Invalid message: unknown type, or id or payload missing"
                )

    def pause(self) -> None:
        """Deliver nothing until `resume`, because enough is outstanding."""
        self._paused = True
        self._limiter.pause()
        for running in self._subscriptions.values():
            running.subscription.pause()

    def resume(self) -> None:
        """Deliver again. A subscription may deliver so much at once that all are paused again."""
        self._paused = False
        for key, running in list(self._subscriptions.items()):
            if self._paused:
                return
            if key in self._subscriptions:
                # The subscriptions that are not resumed now come first the next time.
                self._subscriptions[key] = self._subscriptions.pop(key)
                running.subscription.resume()
        self._limiter.resume()

    def drain(self) -> None:
        """Close subscriptions, start nothing more, and close the socket when the rest has ended."""
        self._draining = True
        for operation_id, running in list(self._subscriptions.items()):
            running.subscription.close()
            self._remove(operation_id)
        self._close_if_drained()

    def end(self) -> None:
        """Close everything that runs, because the socket is gone."""
        self._access.end()
        subscriptions, self._subscriptions = self._subscriptions, {}
        operations, self._running = self._running, {}
        for waiting in self._waiting.values():
            waiting.cancel()
        for permit in self._permits.values():
            permit.release()
        self._waiting, self._permits = {}, {}
        self._limiter.pause()
        for running in subscriptions.values():
            running.subscription.close()
        for operation in operations.values():
            operation.close()

    def _initialise(self, payload: Any) -> None:
        if not isinstance(payload, dict | None):
            raise ProtocolViolation(
                BAD_REQUEST, "Invalid message: the payload of connection_init is not an object"
            )
        if self._access.has_begun:
            raise ProtocolViolation(TOO_MANY_REQUESTS, "Too many initialisation requests")
        self._access.begin(payload or {}, self._acknowledge)

    def _acknowledge(self, admitted: AdmittedCaller, headers: Mapping[str, str]) -> None:
        admission, self._api = admitted
        self._context = self._endpoint.context(headers, admission.caller, self._address)
        self._socket.initialise()
        self._send({"type": "connection_ack"})

    def _continue(self, admission: Admission) -> None:
        """Start operations for the renewed caller from now on, and send the client when to renew it again."""
        assert self._context is not None
        self._context = self._endpoint.context(self._context.headers, admission.caller, self._address)
        self._send({"type": "pong", "payload": {"expiresAt": admission.caller.expires_at}})

    def _answer(self, ping: dict[str, Any]) -> None:
        if self._context is not None and has_credentials(ping.get("payload")):
            self._access.renew(ping["payload"], self._continue)
            return
        pong = {"type": "pong"} | {k: v for k, v in ping.items() if k == "payload"}
        try:
            self._send(pong)
        except TypeError:
            # Everything that was read can be written, except values that are nested very deep.
            raise ProtocolViolation(BAD_REQUEST, "Invalid message: the payload is nested too deep") from None

    def _start(self, id: str, payload: dict[str, Any]) -> None:
        if self._context is None or self._api is None:
            raise ProtocolViolation(UNAUTHORIZED, "Unauthorized")
        self._rates.count_operation()
        context, api = self._context, self._api
        if id in self._subscriptions or id in self._running or id in self._waiting:
            raise ProtocolViolation(SUBSCRIBER_EXISTS, f"Subscriber for {id} already exists")
        if self._draining:
            return
        try:
            if self.operations >= self._max_operations:
                raise RateLimited(f"a socket may run {self._max_operations} operations at a time")
            permit = self._endpoint.caller_limits.admit(context.caller, self._address)
        except RateLimited as error:
            self._outbox.write(error_frame(id, refused_result(error)["errors"]))
            return
        if isinstance(permit, Permit):
            self._admit(id, payload, context, api, permit)
        else:
            self._wait(id, lambda: permit, partial(self._admit, id, payload, context, api))

    def _wait(self, id: str, start: Callable[[], Awaitable[T]], proceed: Callable[[T], None]) -> None:
        """Go on with an operation when what it waits for is there."""
        self._waiting[id] = asyncio.create_task(self._go_on(id, start, proceed))

    async def _go_on(self, id: str, start: Callable[[], Awaitable[T]], proceed: Callable[[T], None]) -> None:
        try:
            value = await start()
            del self._waiting[id]
            proceed(value)
        except REFUSALS as error:
            self._refuse(id, error)
        except Exception:
            logger.exception("an operation could not be started")
            self._socket.close(INTERNAL_ERROR, "Internal error")

    def _admit(
        self, id: str, payload: dict[str, Any], context: RequestContext, api: VisibleApi, permit: Permit
    ) -> None:
        self._permits[id] = permit
        try:
            prepared = self._refused_work.prepare(read_operation(payload), context, api)
        except REFUSALS as error:
            self._refuse(id, error)
            return
        if isinstance(prepared, PreparedOperation):
            self._run(id, context, api, prepared)
        else:
            self._wait(id, prepared, partial(self._run, id, context, api))

    def _refuse(self, id: str, error: OperationRefused | NerveError) -> None:
        result = error.result if isinstance(error, OperationRefused) else refused_result(error)
        self._outbox.write(error_frame(id, result["errors"]))
        self._remove(id)

    def _run(self, id: str, context: RequestContext, api: VisibleApi, prepared: PreparedOperation) -> None:
        if self._draining:
            self._remove(id)
            return
        if prepared.kind is not OperationType.SUBSCRIPTION:
            on_refused = partial(self._refused_work.note_execution, context)
            operation = SocketOperation(
                id, api.executor, prepared, context, self._outbox, self._remove, on_refused
            )
            self._running[id] = operation
            self._limiter.add(operation)
            return
        sink = SubscriptionSink(id, self._outbox, self._remove)
        with traced(context.headers):
            subscription = api.subscriptions.open(prepared, context, sink)
        self._subscriptions[id] = RunningSubscription.of(subscription, prepared)
        if self._paused:
            subscription.pause()

    def _complete(self, id: str) -> None:
        if running := self._subscriptions.get(id):
            running.subscription.close()
        if operation := self._running.get(id):
            operation.close()
        if waiting := self._waiting.get(id):
            waiting.cancel()
        self._remove(id)

    def _remove(self, id: str) -> None:
        self._subscriptions.pop(id, None)
        self._waiting.pop(id, None)
        if permit := self._permits.pop(id, None):
            permit.release()
        if operation := self._running.pop(id, None):
            self._limiter.remove(operation)
        self._close_if_drained()

    def _close_if_drained(self) -> None:
        if self._draining and not self.operations:
            self._socket.close(SERVICE_RESTART, "reconnect and resume")

    def _send(self, message: dict[str, Any]) -> None:
        self._outbox.write(message_frame(message))

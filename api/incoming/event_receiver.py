"""Receives CloudEvents: authenticates their sender, and dispatches each as a command, once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from api.access.callers import ANONYMOUS, Caller
from api.access.credentials import InvalidCredentials, combine_headers
from api.encoding import encode
from api.event_source_settings import EventSourceSettings
from api.graphql.error_bodies import refused_result
from api.graphql.execution.request_context import RequestContext
from api.graphql.fields.mutations import receipt_row
from api.incoming.accepted_types import AcceptedTypes
from api.incoming.event_formats import ReceivedRequest, read_request
from api.incoming.event_sources import EventSource, EventSources
from api.incoming.statuses import status_of
from api.limits.refused_work import client_of
from api.transfer.received_cloud_events import CloudEvent
from api.transports.admission_guard import find_admission
from api.transports.endpoint import Endpoint, client_address
from api.transports.rejections import REFUSALS, respond_with_error
from api.transports.request_bodies import read_bytes
from api.transports.response_formats import JSON
from domain.kernel import Command, Envelope, Receipt
from domain.kernel.errors import CommandIdReused, CommandIdTaken, Forbidden, ValidationFailed
from domain.kernel.limit_errors import OperationTimedOut
from domain.kernel.names import client_name
from eventstore.place import Place


class _Outcome(NamedTuple):
    """What became of an event: the receipt of its command, or the error because of which it has none."""

    event: CloudEvent
    result: Receipt | Exception


class EventReceiver:
    """Receives the events of signed sources and of callers with credentials.

    An event has effect once: the command id follows from its source and id. The events of a batch are read
    and checked before the first one is dispatched; then each is stored, or not, by itself.
    """

    def __init__(self, endpoint: Endpoint, sources: Mapping[str, EventSourceSettings]) -> None:
        self._endpoint = endpoint
        self._types = AcceptedTypes(endpoint.runtime.catalog)
        self._sources = EventSources(sources)

    async def receive(self, request: Request) -> Response:
        """Return the response to one request.

        Raises HttpRejection, ClientDisconnect, and the errors of a request of which nothing is stored.
        """
        limits, addresses = self._endpoint.limits, self._endpoint.addresses
        address = client_address(request.scope, addresses)
        # Of a signed request the address is all that is known before its body.
        arriving = self._endpoint.arriving_bodies.of(client_of(ANONYMOUS, address))
        body = await read_bytes(request, request.headers, limits.max_body, limits.timeout, arriving)
        headers = combine_headers(request.headers.items())
        caller, received = await self._read(request, headers, body, address)
        commands = [
            self._command(event, caller, number, received) for number, event in enumerate(received.events)
        ]
        context = self._endpoint.context(headers, caller, address)
        outcomes = [
            _Outcome(event, await self._result(event, command, context, address))
            for event, command in zip(received.events, commands, strict=True)
        ]
        return _respond(outcomes, context, is_batch=received.is_batch)

    async def _read(
        self, request: Request, headers: Mapping[str, str], body: bytes | bytearray, address: str | None
    ) -> tuple[Caller, ReceivedRequest]:
        admission = find_admission(request)
        if admission is not None:
            return admission.caller, read_request(headers, body)
        source = await self._verify(headers, body, address)
        received = read_request(headers, body)
        _check_source(source, received, headers)
        return source.caller, received

    async def _verify(
        self, headers: Mapping[str, str], body: bytes | bytearray, address: str | None
    ) -> EventSource:
        try:
            return self._sources.verify(headers, body)
        except InvalidCredentials as error:
            raise await self._endpoint.refusal(error, address) from None

    def _command(self, event: CloudEvent, caller: Caller, number: int, received: ReceivedRequest) -> Command:
        try:
            return self._types.command(event, caller)
        except ValidationFailed as error:
            path = (number, *error.path) if received.is_batch else error.path
            raise ValidationFailed(str(error), path) from None

    async def _result(
        self, event: CloudEvent, command: Command, context: RequestContext, address: str | None
    ) -> Receipt | Exception:
        try:
            with await self._endpoint.permit(context.caller, address):
                return await self._dispatch(event, command, context)
        except CommandIdReused:
            # Under the id that the sender has given it, and without details of what was stored.
            return CommandIdTaken(event.id)
        except Exception as error:
            # The other events of a batch have results of their own.
            return error

    async def _dispatch(self, event: CloudEvent, command: Command, context: RequestContext) -> Receipt:
        runtime = context.runtime
        envelope = Envelope(
            command,
            context.command_scope,
            command_id=_command_id(event),
            correlation=event.correlationid,
            source=event.source,
            occurred=event.time,
            extensions=event.extensions,
            permission=context.permission(type(command)),
        )
        seconds = runtime.settings.operation_timeout
        try:
            async with asyncio.timeout(seconds):
                return await runtime.bus.dispatch(envelope)
        except TimeoutError:
            raise OperationTimedOut(seconds) from None


def _check_source(source: EventSource, received: ReceivedRequest, headers: Mapping[str, str]) -> None:
    """Raise Forbidden unless the signature is one of these events."""
    if any(event.source != source.source for event in received.events):
        raise Forbidden("this signature is not one of the events' source")
    if not received.is_signed_whole and received.events[0].id != headers["webhook-id"]:
        raise Forbidden("the headers webhook-id and ce-id differ; the signature covers the first one alone")


def _command_id(event: CloudEvent) -> str:
    """Return the id of an event's command, which no other source and id lead to."""
    text = f"{len(event.source)}:{event.source}{event.id}"
    return f"event:{blake2b(text.encode(), digest_size=20).hexdigest()}"


def _respond(outcomes: Sequence[_Outcome], context: RequestContext, *, is_batch: bool) -> Response:
    errors = [result for _, result in outcomes if isinstance(result, Exception)]
    if not is_batch and errors and isinstance(errors[0], REFUSALS):
        return respond_with_error(errors[0], None)
    bodies = [_body(result, context) for _, result in outcomes]
    named = [
        {"source": event.source, "id": event.id, **body}
        for (event, _), body in zip(outcomes, bodies, strict=True)
    ]
    return Response(encode(named if is_batch else bodies[0]), status_of(errors), media_type=JSON.content_type)


def _body(result: Receipt | Exception, context: RequestContext) -> dict[str, Any]:
    if isinstance(result, Exception):
        return refused_result(result)
    receipt = {**receipt_row(result), "position": context.seal(Place(result.position))}
    return {"receipt": {client_name(name): value for name, value in receipt.items()}}

"""GraphQL over HTTP: POST with JSON, and GET for what changes nothing.

One result is answered in JSON (https://graphql.github.io/graphql-over-http/draft), a subscription with a
response that goes on: server-sent events or multipart. Requests with a token, and those that ask for one, are
about a stream that is shared by many operations.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from graphql import OperationType
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from api.access.admissions import Admission
from api.encoding import encode
from api.graphql.error_bodies import refused_result
from api.graphql.execution.executor import OperationRefused, PreparedOperation, Result
from api.graphql.execution.operation_request import OperationRequest
from api.graphql.execution.request_context import RequestContext
from api.transports.batches import run_batch
from api.transports.endpoint import Endpoint, traced
from api.transports.request_bodies import HttpRejection
from api.transports.request_reading import read_request
from api.transports.response_formats import GRAPHQL, JSON, SSE, ResponseFormat, choose, types
from api.transports.response_streams import ResponseStream, SingleSubscriptionSink, StreamResponse
from api.transports.single_connection import StreamOperation, check_id, find_token
from domain.kernel.errors import (
    AlreadyExists,
    Forbidden,
    NerveError,
    NotFound,
    RateLimited,
    Unauthenticated,
    Unavailable,
    ValidationFailed,
)

METHODS = ("GET", "POST", "PUT", "DELETE")
STATUSES: dict[type[NerveError], int] = {
    ValidationFailed: 400,
    Forbidden: 403,
    NotFound: 404,
    AlreadyExists: 409,
    RateLimited: 429,
    Unavailable: 503,
}
"""Of errors that are told before anything is run."""


async def serve_http(request: Request, endpoint: Endpoint) -> Response:
    """The response to one request."""
    media = choose(request.headers.get("accept"), streams=False)
    try:
        return await _admit(request, endpoint, media)
    except ClientDisconnect:
        return Response(status_code=400)
    except HttpRejection as rejected:
        return _reject(rejected, media)
    except Unauthenticated as error:
        return _reject(HttpRejection(401, error, **{"www-authenticate": "Bearer"}), media)
    except tuple(STATUSES) as error:
        return _reject(HttpRejection(STATUSES[type(error)], error), media)
    except OperationRefused as refused:
        return _respond(refused.result, media or JSON)


async def _admit(request: Request, endpoint: Endpoint, media: ResponseFormat | None) -> Response:
    admitted = endpoint.admissions.admit(request.headers)
    admission = admitted if isinstance(admitted, Admission) else await admitted
    try:
        return await _serve(request, endpoint, media, admission)
    finally:
        if not admission.held:
            endpoint.admissions.release(admission)


async def _serve(
    request: Request, endpoint: Endpoint, media: ResponseFormat | None, admission: Admission
) -> Response:
    reservations, token, caller = endpoint.reservations, find_token(request), admission.caller
    if request.method == "PUT":
        return Response(reservations.make(admission), 201, media_type="text/plain; charset=utf-8")
    if request.method == "DELETE":
        return _end(request, reservations.find(token or "", caller))
    if media is None:
        raise HttpRejection(406, ValidationFailed(f"nerve answers in {types()}", ("accept",)))
    if token is not None and media is SSE and request.method == "GET":
        return reservations.open(token, caller)
    shared = None if token is None else reservations.find(token, caller)
    asked = await read_request(request, endpoint.limits)
    with traced(request.headers):
        if isinstance(asked, list):
            if shared is not None or media.streams:
                raise ValidationFailed("a batch is not streamed; send each operation by itself", ("body",))
            results = await run_batch(asked, endpoint.executor, endpoint.context(request.headers, caller))
            return Response(encode(results), media_type=media.content_type)
        return await _operate(asked, request, endpoint, media, admission, shared)


async def _operate(
    operation: OperationRequest,
    request: Request,
    endpoint: Endpoint,
    media: ResponseFormat,
    admission: Admission,
    shared: ResponseStream | None,
) -> Response:
    prepared = endpoint.executor.prepare(operation)
    _check_method(request.method, prepared.kind)
    if shared is not None:
        # What runs in a stream is done by who opened it, and ends with that one's access.
        context = endpoint.context(request.headers, shared.admission.caller)
        return _begin(prepared, context, endpoint, shared)
    context = endpoint.context(request.headers, admission.caller)
    if prepared.kind is OperationType.SUBSCRIPTION:
        return _stream(prepared, context, endpoint, admission)
    return _respond(await endpoint.executor.execute(prepared, context), media)


def _check_method(method: str, kind: OperationType) -> None:
    if kind is OperationType.MUTATION and method != "POST":
        wrong = ValidationFailed("GET is for queries; send a mutation by POST", ("query",))
        raise HttpRejection(405, wrong, allow="POST")
    if kind is OperationType.SUBSCRIPTION and method == "HEAD":
        # Nobody would read what it tells, and it would never end.
        raise HttpRejection(
            405, ValidationFailed("a subscription has no head", ("query",)), allow="GET, POST"
        )


def _begin(
    prepared: PreparedOperation, context: RequestContext, endpoint: Endpoint, stream: ResponseStream
) -> Response:
    name = check_id(prepared.request.stream_operation_id)
    sink = endpoint.reservations.begin(stream, name)
    if prepared.kind is OperationType.SUBSCRIPTION:
        stream.add(name, endpoint.subscriptions.open(prepared, context, sink))
    else:
        stream.add(name, StreamOperation(partial(endpoint.executor.execute, prepared, context), sink))
    return Response(status_code=202)


def _end(request: Request, stream: ResponseStream) -> Response:
    name = check_id(request.query_params.get("operationId"))
    if subscription := stream.subscriptions.pop(name, None):
        subscription.close()
    return Response(status_code=200)


def _stream(
    prepared: PreparedOperation, context: RequestContext, endpoint: Endpoint, admission: Admission
) -> Response:
    media = choose(context.headers.get("accept"), streams=True)
    if media is None:
        told = f"a subscription is answered in {types(streams=True)}, or over a WebSocket"
        raise HttpRejection(406, ValidationFailed(f"{told}, subprotocol graphql-transport-ws", ("accept",)))
    if media is SSE and (last := context.headers.get("last-event-id")):
        context = replace(context, resume_after=context.open(last, "lastEventId"))
    stream = endpoint.streams.make(media, admission)
    stream.add("", endpoint.subscriptions.open(prepared, context, SingleSubscriptionSink(stream)))
    return StreamResponse(stream, partial(endpoint.streams.close, stream))


def _respond(result: Result, media: ResponseFormat) -> Response:
    """What was refused is a client error only in the type that was made for it; see the specification."""
    status = 400 if media is GRAPHQL and "data" not in result else 200
    return Response(media.whole(encode(result)), status, media_type=media.content_type)


def _reject(rejected: HttpRejection, media: ResponseFormat | None) -> Response:
    """In JSON also to a client that would have results streamed: there are none."""
    told = (JSON if media is None or media.streams else media).content_type
    body = encode(refused_result(rejected.error))
    return Response(body, rejected.status, rejected.headers, media_type=told)

"""GraphQL over HTTP: POST with JSON, and GET for what changes nothing.

One result is sent as JSON (https://graphql.github.io/graphql-over-http/draft), the results of a subscription
as server-sent events or multipart. Requests with a token, and those for one, concern a stream that several
operations share.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from time import perf_counter

from graphql import OperationType
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from api.encoding import encode
from api.graphql.execution.executor import OperationRefused, PreparedOperation, Result
from api.graphql.execution.operation_request import OperationRequest
from api.graphql.execution.request_context import RequestContext
from api.graphql.execution.result_cache import CachedResult
from api.graphql.execution.visible_apis import VisibleApi
from api.limits.caller_limits import Permit
from api.limits.occupied_time import TimedWork
from api.limits.refused_work import client_of, is_large_body, is_large_document
from api.transports.admission_guard import admission_of
from api.transports.batches import run_batch
from api.transports.conditional_responses import respond_conditionally
from api.transports.disconnects import ended_on_disconnect
from api.transports.endpoint import AdmittedCaller, Endpoint, client_address, traced
from api.transports.rejections import (
    CHALLENGE,
    REFUSALS,
    REFUSED_CODES,
    RefusedResponse,
    reject,
    respond_with_error,
)
from api.transports.request_bodies import HttpRejection, declared_size
from api.transports.request_reading import read_request
from api.transports.response_formats import GRAPHQL, JSON, SSE, ResponseFormat, choose, types
from api.transports.response_streams import ResponseStream, SingleSubscriptionSink, StreamResponse
from api.transports.running_operations import RunningSubscription
from api.transports.single_connection import StreamOperation, check_id, find_token
from domain.kernel.errors import Unauthenticated, ValidationFailed
from subscriptions.live.sinks import Subscription

METHODS = ("GET", "POST", "PUT", "DELETE")


async def serve_http(request: Request, endpoint: Endpoint) -> Response:
    """Return the response to one request. For how long a refused one occupied the process is noted."""
    if endpoint.refused_work is None:
        return await _handle(request, endpoint)
    work = TimedWork(_handle(request, endpoint))
    response = await work
    if isinstance(response, RefusedResponse):
        endpoint.refused_work.note(_client(request, endpoint), work.seconds)
    return response


async def _handle(request: Request, endpoint: Endpoint) -> Response:
    media = choose(request.headers.get("accept"), streams=False)
    try:
        admission = admission_of(request)
        finding = endpoint.apis.of(admission.caller)
        api = finding if isinstance(finding, VisibleApi) else await finding
        return await _serve(request, endpoint, media, AdmittedCaller(admission, api))
    except ClientDisconnect:
        return Response(status_code=400)
    except HttpRejection as rejected:
        return reject(rejected, media)
    except REFUSALS as error:
        return respond_with_error(error, media)
    except OperationRefused as refused:
        return _respond(refused.result, media or JSON)


async def _serve(
    request: Request, endpoint: Endpoint, media: ResponseFormat | None, admitted: AdmittedCaller
) -> Response:
    admission, api = admitted
    reservations, token, caller = endpoint.reservations, find_token(request), admission.caller
    if request.method == "PUT":
        address = client_address(request, endpoint.addresses)
        return Response(reservations.make(admission, address), 201, media_type="text/plain; charset=utf-8")
    if request.method == "DELETE":
        return _end(request, reservations.find(token or "", caller))
    if media is None:
        raise HttpRejection(
            406,
            ValidationFailed(
                f"the response can be sent as {types()}; list one of these in Accept", ("accept",)
            ),
        )
    if token is not None and media is SSE and request.method == "GET":
        return reservations.open(token, caller)
    shared = None if token is None else reservations.find(token, caller)
    if endpoint.refused_work is not None and is_large_body(declared_size(request)):
        endpoint.refused_work.check(_client(request, endpoint))
    request_body = await read_request(request, endpoint.limits)
    with traced(request.headers):
        if isinstance(request_body, list):
            if endpoint.refused_work is not None:
                endpoint.refused_work.check(_client(request, endpoint))
            if shared is not None or media.streams:
                raise ValidationFailed("a batch cannot be streamed; send each operation by itself", ("body",))
            address = client_address(request, endpoint.addresses)
            context = endpoint.context(request.headers, caller, address)
            permit = partial(endpoint.permit, caller, address)
            with ended_on_disconnect(request.scope):
                results = await run_batch(request_body, api, context, permit)
            is_refused = any(map(_is_refused, results))
            kind = RefusedResponse if is_refused else Response
            return kind(encode(results), media_type=media.content_type)
        return await _operate(request_body, request, endpoint, media, admitted, shared)


async def _operate(
    operation: OperationRequest,
    request: Request,
    endpoint: Endpoint,
    media: ResponseFormat,
    admitted: AdmittedCaller,
    shared: ResponseStream | None,
) -> Response:
    admission, api = admitted
    # Operations of a stream run for the caller that opened it, and end with its access.
    caller = admission.caller if shared is None else shared.admission.caller
    if caller is not admission.caller:
        finding = endpoint.apis.of(caller)
        api = finding if isinstance(finding, VisibleApi) else await finding
    address = client_address(request, endpoint.addresses)
    context = endpoint.context(request.headers, caller, address)
    with await endpoint.permit(caller, address) as permit, ended_on_disconnect(request.scope):
        if endpoint.refused_work is not None and is_large_document(api.executor.known_weight(operation)):
            endpoint.refused_work.check(_client(request, endpoint))
        prepared = await api.prepare_in_turn(operation, caller)
        _check_method(request.method, prepared.kind)
        if shared is not None:
            return _start(prepared, context, endpoint, api, shared)
        if prepared.kind is OperationType.SUBSCRIPTION:
            return _stream(prepared, context, endpoint, admitted, permit)
        if prepared.kind is OperationType.MUTATION:
            return _respond(await api.executor.execute(prepared, context), media)
        start = perf_counter()
        result = await endpoint.results.execute(api.executor, prepared, context)
        response = _respond_to_query(request, result, media)
        if endpoint.refused_work is not None and isinstance(response, RefusedResponse):
            # Executions may be shared with others, and run elsewhere.
            endpoint.refused_work.note_execution(_client(request, endpoint), perf_counter() - start)
        return response


def _check_method(method: str, kind: OperationType) -> None:
    if kind is OperationType.MUTATION and method != "POST":
        wrong = ValidationFailed("a mutation must be sent by POST", ("query",))
        raise HttpRejection(405, wrong, allow="POST")
    if kind is OperationType.SUBSCRIPTION and method == "HEAD":
        # A response without a body would never end.
        raise HttpRejection(
            405,
            ValidationFailed("a subscription cannot be requested with HEAD", ("query",)),
            allow="GET, POST",
        )


def _start(
    prepared: PreparedOperation,
    context: RequestContext,
    endpoint: Endpoint,
    api: VisibleApi,
    stream: ResponseStream,
) -> Response:
    name = check_id(prepared.request.stream_operation_id)
    sink = endpoint.reservations.start(stream, name)
    if prepared.kind is OperationType.SUBSCRIPTION:
        operation: Subscription = api.subscriptions.open(prepared, context, sink)
    else:
        operation = StreamOperation(partial(api.executor.execute, prepared, context), sink)
    stream.add(name, RunningSubscription.of(operation, prepared))
    return Response(status_code=202)


def _end(request: Request, stream: ResponseStream) -> Response:
    name = check_id(request.query_params.get("operationId"))
    if running := stream.subscriptions.pop(name, None):
        running.subscription.close()
    return Response(status_code=200)


def _stream(
    prepared: PreparedOperation,
    context: RequestContext,
    endpoint: Endpoint,
    admitted: AdmittedCaller,
    permit: Permit,
) -> Response:
    media = choose(context.headers.get("accept"), streams=True)
    if media is None:
        offered = f"a subscription can be sent as {types(streams=True)}, or over a WebSocket"
        wrong = ValidationFailed(f"{offered} with the subprotocol graphql-transport-ws", ("accept",))
        raise HttpRejection(406, wrong)
    if media is SSE and (last := context.headers.get("last-event-id")):
        context = replace(context, resume_after=context.open(last, "lastEventId"))
    stream = endpoint.streams.make(media, admitted.admission)
    subscription = admitted.api.subscriptions.open(prepared, context, SingleSubscriptionSink(stream))
    stream.add("", RunningSubscription.of(subscription, prepared))
    kept = permit.transfer()

    def close() -> None:
        endpoint.streams.close(stream)
        kept.release()

    return StreamResponse(stream, close)


def _respond_to_query(request: Request, result: Result | CachedResult, media: ResponseFormat) -> Response:
    if isinstance(result, CachedResult):
        body = media.whole(result.body)
    elif "errors" in result:
        return _respond(result, media)
    else:
        body = media.whole(encode(result))
    if request.method == "POST" or media.streams:
        return Response(body, media_type=media.content_type)
    return respond_conditionally(request.headers, body, media.content_type)


def _respond(result: Result, media: ResponseFormat) -> Response:
    """Respond with a result. A refused operation is a client error in the media type for GraphQL alone.

    One that needs credentials is refused with 401 in each.
    """
    status, headers = 200, {}
    if "data" not in result:
        status = 400 if media is GRAPHQL else 200
        if any(error["extensions"]["code"] == Unauthenticated.code for error in result["errors"]):
            status, headers = 401, {"www-authenticate": CHALLENGE}
    kind = RefusedResponse if _is_refused(result) else Response
    return kind(media.whole(encode(result)), status, headers, media_type=media.content_type)


def _is_refused(result: Result) -> bool:
    return result.get("data") is None and any(
        error["extensions"]["code"] in REFUSED_CODES for error in result["errors"]
    )


def _client(request: Request, endpoint: Endpoint) -> str:
    return client_of(admission_of(request).caller, client_address(request, endpoint.addresses))

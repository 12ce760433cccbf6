"""GraphQL over HTTP: POST with JSON, and GET for what changes nothing.

One result is sent as JSON (https://graphql.github.io/graphql-over-http/draft), the results of a subscription
as server-sent events or multipart. Requests with a token, and those for one, concern a stream that several
operations share.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import Any

from graphql import OperationType
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.encoding import encode
from api.graphql.error_bodies import refused_result
from api.graphql.execution.execution_results import OperationRefused
from api.graphql.execution.executor import PreparedOperation
from api.graphql.execution.operation_request import OperationRequest
from api.graphql.execution.request_context import RequestContext
from api.graphql.execution.result_cache import CachedResult
from api.graphql.execution.visible_apis import VisibleApi
from api.limits.caller_limits import Permit
from api.limits.occupied_time import TimedWork
from api.limits.refused_work import is_large_body, is_large_document
from api.transports.admission_guard import admission_of, headers_of
from api.transports.batches import run_batch
from api.transports.disconnects import DisconnectGuard
from api.transports.endpoint import AdmittedCaller, Endpoint, traced
from api.transports.exchange import Exchange
from api.transports.known_heads import LEARN_HEAD, LearnHead
from api.transports.known_requests import check_refusal
from api.transports.operation_responses import remember_request, respond, respond_to_query
from api.transports.rejections import (
    REFUSALS,
    RefusedResponse,
    RejectionResponse,
    reject,
    respond_with_error,
)
from api.transports.request_bodies import HttpRejection, declared_size
from api.transports.request_reading import read_request
from api.transports.response_formats import JSON, SSE, ResponseFormat, choose, types
from api.transports.response_streams import ResponseStream, SingleSubscriptionSink, StreamResponse
from api.transports.running_operations import RunningSubscription
from api.transports.single_connection import StreamOperation, check_id, find_token
from domain.kernel.errors import ValidationFailed
from domain.kernel.limit_errors import TooComplex
from subscriptions.live.sinks import Subscription

METHODS = ("GET", "POST", "PUT", "DELETE")


class GraphQLOverHttp:
    """Serves GraphQL over HTTP, as an ASGI application.

    Starlette would wrap a function from requests to responses, and look up headers one by one. Both take
    longer than serving a result from the cache.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, which was admitted. How long a refused one occupied the process is noted."""
        endpoint: Endpoint = scope["app"].state.endpoint
        exchange = Exchange(Request(scope, receive), headers_of(scope), endpoint)
        learn_head: LearnHead | None = scope.get(LEARN_HEAD)
        if learn_head is not None:
            learn_head(exchange.headers)
        refused_work = endpoint.refused_work
        if refused_work is None:
            response = await _serve(exchange)
        else:
            work = TimedWork(_serve(exchange))
            response = await work
            if isinstance(response, RefusedResponse):
                refused_work.note(exchange.client, work.seconds)
        if isinstance(response, RejectionResponse) and not await endpoint.pace_refusal(exchange.client):
            response.end_connection()
        await response(scope, receive, send)


async def _serve(exchange: Exchange) -> ASGIApp:
    """Return the response to one request."""
    media = choose(exchange.headers.get("accept"), streams=False)
    try:
        admission = admission_of(exchange.request)
        finding = exchange.endpoint.apis.of(admission.caller)
        api = finding if isinstance(finding, VisibleApi) else await finding
        return await _serve_admitted(exchange, media, AdmittedCaller(admission, api))
    except ClientDisconnect:
        return Response(status_code=400)
    except HttpRejection as rejected:
        return reject(rejected, media)
    except REFUSALS as error:
        return respond_with_error(error, media)
    except TooComplex as error:
        return respond(refused_result(error), media or JSON)
    except OperationRefused as refused:
        return respond(refused.result, media or JSON)


async def _serve_admitted(
    exchange: Exchange, media: ResponseFormat | None, admitted: AdmittedCaller
) -> ASGIApp:
    request, headers, endpoint = exchange
    admission = admitted.admission
    reservations, token, caller = endpoint.reservations, find_token(request, headers), admission.caller
    if request.method == "PUT":
        token = reservations.make(admission, exchange.address)
        return Response(token, 201, media_type="text/plain; charset=utf-8")
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
    if is_large_body(declared_size(request.method, headers)):
        exchange.check_debt()
    arriving = endpoint.arriving_bodies.of(exchange.client)
    operation = await read_request(request, headers, endpoint.limits, arriving)
    with traced(headers):
        if isinstance(operation, list):
            return await _operate_batch(operation, exchange, media, admitted, shared)
        return await _operate(operation, exchange, media, admitted, shared)


async def _operate_batch(
    batch: list[Any],
    exchange: Exchange,
    media: ResponseFormat,
    admitted: AdmittedCaller,
    shared: ResponseStream | None,
) -> Response:
    request, headers, endpoint = exchange
    exchange.check_debt()
    if shared is not None or media.streams:
        raise ValidationFailed("a batch cannot be streamed; send each operation by itself", ("body",))
    address, caller = exchange.address, admitted.admission.caller
    permit = partial(endpoint.permit, caller, address)
    with DisconnectGuard(request.scope):
        results, refused_seconds = await run_batch(
            batch, admitted.api, endpoint.context(headers, caller, address), permit
        )
    if endpoint.refused_work is not None:
        endpoint.refused_work.note(exchange.client, refused_seconds)
    return Response(encode(results), media_type=media.content_type)


async def _operate(
    operation: OperationRequest,
    exchange: Exchange,
    media: ResponseFormat,
    admitted: AdmittedCaller,
    shared: ResponseStream | None,
) -> ASGIApp:
    request, headers, endpoint = exchange
    admission, api = admitted
    # Operations of a stream run for the caller that opened it, and end with its access.
    caller = admission.caller if shared is None else shared.admission.caller
    if caller is not admission.caller:
        finding = endpoint.apis.of(caller)
        api = finding if isinstance(finding, VisibleApi) else await finding
    address = exchange.address
    context = endpoint.context(headers, caller, address)
    check_refusal(request.scope)
    with await endpoint.permit(caller, address) as permit, DisconnectGuard(request.scope):
        if endpoint.refused_work is not None and is_large_document(
            api.executor.known_weight(operation, caller.scope.tenant)
        ):
            exchange.check_debt()
        prepared = await api.prepare_in_turn(operation, caller)
        _check_method(request.method, prepared.kind)
        if shared is not None:
            return _start(prepared, context, endpoint, api, shared)
        if prepared.kind is OperationType.SUBSCRIPTION:
            return _stream(prepared, context, endpoint, admitted, permit)
        if prepared.kind is OperationType.MUTATION:
            return respond(await api.executor.execute(prepared, context), media)
        start = perf_counter()
        result = await endpoint.results.execute(api.executor, prepared, context)
        if isinstance(result, CachedResult) and shared is None:
            remember_request(exchange, admitted, prepared, media, result)
        response = respond_to_query(exchange, result, media)
        if endpoint.refused_work is not None and isinstance(response, RefusedResponse):
            # Executions may be shared with others, and run elsewhere.
            endpoint.refused_work.note_execution(exchange.client, perf_counter() - start)
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

"""GraphQL over HTTP: POST with JSON, and GET for what changes nothing.

One result is answered in JSON (https://graphql.github.io/graphql-over-http/draft), a subscription with a
response that goes on: server-sent events or multipart.
"""

from __future__ import annotations

from typing import Any

import orjson
from graphql import OperationType
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from api.encoding import encode
from api.graphql.errors import refusal
from api.graphql.fields.inputs import read_input
from api.graphql.running.execution import Operation, Prepared, Refused, Result
from api.transports.media import GRAPHQL, JSON, Media, choose, types
from api.transports.requests import Endpoint, traced
from api.transports.streams import SoleSink, StreamResponse
from domain.kernel.errors import NerveError, Unavailable, ValidationFailed


class Rejected(Exception):
    """The request is answered with this HTTP status before GraphQL sees it."""

    def __init__(self, status: int, error: NerveError, **headers: str) -> None:
        super().__init__(str(error))
        self.status = status
        self.result = refusal(error)
        self.headers = headers


async def serve_http(request: Request, endpoint: Endpoint) -> Response:
    """The response to one GraphQL request."""
    media = choose(request.headers.get("accept"), streams=False)
    if media is None:
        return _reject(Rejected(406, ValidationFailed(f"nerve answers in {types()}", ("accept",))), JSON)
    try:
        prepared = endpoint.executor.prepare(await _read(request, endpoint))
        if prepared.kind is OperationType.SUBSCRIPTION:
            return _stream(prepared, request, endpoint)
        if prepared.kind is OperationType.MUTATION and request.method != "POST":
            wrong = ValidationFailed("GET is for queries; send a mutation by POST", ("query",))
            raise Rejected(405, wrong, allow="POST")
        with traced(request.headers):
            result = await endpoint.executor.execute(prepared, endpoint.context(request.headers))
    except ClientDisconnect:
        return Response(status_code=400)
    except Rejected as rejected:
        return _reject(rejected, media)
    except ValidationFailed as error:
        return _reject(Rejected(400, error), media)
    except Refused as refused:
        result = refused.result
    return _respond(result, media)


def _stream(prepared: Prepared, request: Request, endpoint: Endpoint) -> Response:
    media = choose(request.headers.get("accept"), streams=True)
    if media is None:
        told = f"a subscription is answered in {types(streams=True)}, or over a WebSocket"
        raise Rejected(406, ValidationFailed(f"{told}, subprotocol graphql-transport-ws", ("accept",)))
    try:
        stream = endpoint.streams.open(media)
    except Unavailable as error:
        raise Rejected(503, error) from None
    with traced(request.headers):
        opened = endpoint.subscriptions.open(prepared, endpoint.context(request.headers), SoleSink(stream))
    stream.add("", opened)
    return StreamResponse(stream, endpoint.streams)


async def _read(request: Request, endpoint: Endpoint) -> Operation:
    return await _read_body(request, endpoint) if request.method == "POST" else _read_query(request)


def _read_query(request: Request) -> Operation:
    parameters: dict[str, Any] = dict(request.query_params)
    if not parameters.get("operationName", "x"):
        # In a URL an empty name is none.
        del parameters["operationName"]
    for name in ("variables", "extensions"):
        if name in parameters:
            parameters[name] = _parse(parameters[name].encode(), name)
    return read_input(Operation, parameters)


async def _read_body(request: Request, endpoint: Endpoint) -> Operation:
    content, _, parameters = request.headers.get("content-type", "").lower().partition(";")
    if content.strip() != JSON.type or ("charset" in parameters and "utf-8" not in parameters):
        wrong = ValidationFailed(f"the body must be {JSON.type} in UTF-8", ("content-type",))
        raise Rejected(415, wrong)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > endpoint.max_body:
            too_large = f"the body may have {endpoint.max_body} bytes at most"
            raise Rejected(413, ValidationFailed(too_large, ("body",)), connection="close")
    return read_input(Operation, _parse(body, "body"))


def _parse(text: bytes | bytearray, name: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ValidationFailed(f"{name} is not JSON: {error.msg} at character {error.pos}", (name,)) from None


def _respond(result: Result, media: Media) -> Response:
    """What was refused is a client error only in the type that was made for it; see the specification."""
    status = 400 if media is GRAPHQL and "data" not in result else 200
    return Response(media.whole(encode(result)), status, media_type=media.content_type)


def _reject(rejected: Rejected, media: Media) -> Response:
    """In JSON also to a client that would have results streamed: there are none."""
    told = (JSON if media.streams else media).content_type
    return Response(encode(rejected.result), rejected.status, rejected.headers, media_type=told)

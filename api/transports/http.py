"""GraphQL over HTTP: POST with JSON, and GET for queries (https://graphql.github.io/graphql-over-http/draft)."""

from __future__ import annotations

from typing import Any

import orjson
from graphql import OperationType
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from api.encoding import encode
from api.graphql.errors import refusal
from api.graphql.fields.inputs import read_input
from api.graphql.running.execution import Executor, Operation, Prepared, Refused, Result
from api.transports.requests import Endpoint, traced
from domain.kernel.errors import ValidationFailed

JSON = "application/json"
GRAPHQL = "application/graphql-response+json"


class Rejected(Exception):
    """The request is answered with this HTTP status before GraphQL sees it."""

    def __init__(self, status: int, message: str, *path: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.result = refusal(ValidationFailed(message, path))
        self.headers = headers


async def serve_http(request: Request, endpoint: Endpoint) -> Response:
    """The response to one GraphQL request."""
    media = JSON
    try:
        media = _negotiate(request.headers.get("accept"))
        operation = _read_query(request) if request.method == "GET" else await _read_body(request, endpoint)
        prepared = endpoint.executor.prepare(operation)
        _check_method(request.method, prepared)
    except ClientDisconnect:
        return Response(status_code=400)
    except Rejected as rejected:
        return _respond(rejected.result, media, rejected.status, rejected.headers)
    except ValidationFailed as error:
        return _respond(refusal(error), media, 400)
    except Refused as refused:
        return _respond(refused.result, media, _status(refused.result, media))
    result = await _run(endpoint.executor, prepared, request, endpoint)
    return _respond(result, media, _status(result, media))


async def _run(executor: Executor, prepared: Prepared, request: Request, endpoint: Endpoint) -> Result:
    with traced(request.headers):
        return await executor.execute(prepared, endpoint.context(request.headers))


def _negotiate(accept: str | None) -> str:
    """The media type to answer in; a client that does not say gets plain JSON."""
    for entry in (accept or "*/*").split(","):
        media, *parameters = (part.strip().lower() for part in entry.split(";"))
        if "q=0" in parameters:
            continue
        if media == GRAPHQL:
            return GRAPHQL
        if media in (JSON, "application/*", "*/*"):
            return JSON
    raise Rejected(406, f"nerve answers in {GRAPHQL} or {JSON}", "accept")


def _read_query(request: Request) -> Operation:
    parameters: dict[str, Any] = dict(request.query_params)
    for name in ("variables", "extensions"):
        if name in parameters:
            parameters[name] = _parse(parameters[name].encode(), name)
    return read_input(Operation, parameters)


async def _read_body(request: Request, endpoint: Endpoint) -> Operation:
    content, _, parameters = request.headers.get("content-type", "").lower().partition(";")
    if content.strip() != JSON or ("charset" in parameters and "utf-8" not in parameters):
        raise Rejected(415, f"the body must be {JSON} in UTF-8", "content-type")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > endpoint.max_body:
            raise Rejected(
                413, f"the body may have {endpoint.max_body} bytes at most", "body", connection="close"
            )
    return read_input(Operation, _parse(body, "body"))


def _parse(text: bytes | bytearray, name: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ValidationFailed(f"{name} is not JSON: {error.msg} at character {error.pos}", (name,)) from None


def _check_method(method: str, prepared: Prepared) -> None:
    if prepared.kind is OperationType.SUBSCRIPTION:
        raise Rejected(400, "a subscription needs a WebSocket, subprotocol graphql-transport-ws", "query")
    if method == "GET" and prepared.kind is not OperationType.QUERY:
        raise Rejected(405, "GET is for queries; send a mutation by POST", "query", allow="POST")


def _status(result: Result, media: str) -> int:
    """What was refused is a client error, except for clients of the time when all was plain JSON."""
    return 400 if "data" not in result and media == GRAPHQL else 200


def _respond(result: Result, media: str, status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(encode(result), status, headers, media_type=f"{media}; charset=utf-8")

"""What an HTTP request asks for: https://graphql.github.io/graphql-over-http/draft/#sec-Request"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import Request

from api.graphql.fields.inputs import read_input
from api.graphql.running.execution import Operation
from api.transports.media import JSON
from domain.kernel.errors import NerveError, ValidationFailed


class Rejected(Exception):
    """The request is answered with this HTTP status before GraphQL sees it."""

    def __init__(self, status: int, error: NerveError, **headers: str) -> None:
        super().__init__(str(error))
        self.status = status
        self.error = error
        self.headers = headers


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """Bytes of a body, operations in a batch (1: there are none), and seconds for a body to come."""

    max_body: int
    max_batch: int
    timeout: float


async def read_request(request: Request, limits: RequestLimits) -> Operation | list[Any]:
    """The operation in the body, or in the URL of a request that has none.

    Where the body is a list, and there may be batches, it is one, whose operations are not looked into yet.

    Raises Rejected or ValidationFailed where there is none, ClientDisconnect where the client goes meanwhile.
    """
    if request.method != "POST":
        return _read_url(request)
    body = await _read_body(request, limits)
    if not isinstance(body, list):
        return read_input(Operation, body)
    if limits.max_batch == 1:
        raise ValidationFailed("there are no batches here; send each operation by itself", ("body",))
    if 0 < len(body) <= limits.max_batch and all(isinstance(one, dict) for one in body):
        return body
    raise ValidationFailed(f"a batch is a list of 1 to {limits.max_batch} objects", ("body",))


def _read_url(request: Request) -> Operation:
    sent = request.query_params
    # What is empty there, and may be left out, is not there.
    parameters: dict[str, Any] = {name: value for name, value in sent.items() if value or name == "query"}
    for name in ("variables", "extensions"):
        if name in parameters:
            parameters[name] = _parse(parameters[name].encode(), name)
    return read_input(Operation, parameters)


async def _read_body(request: Request, limits: RequestLimits) -> Any:
    content, _, parameters = request.headers.get("content-type", "").lower().partition(";")
    if content.strip() != JSON.type or ("charset" in parameters and "utf-8" not in parameters):
        wrong = ValidationFailed(f"the body must be {JSON.type} in UTF-8", ("content-type",))
        raise Rejected(415, wrong)
    try:
        async with asyncio.timeout(limits.timeout):
            body = await _receive(request, limits.max_body)
    except TimeoutError:
        too_slow = ValidationFailed(f"the body did not come within {limits.timeout} seconds", ("body",))
        raise Rejected(408, too_slow, connection="close") from None
    return _parse(body, "body")


async def _receive(request: Request, max_body: int) -> bytearray:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_body:
            too_large = ValidationFailed(f"the body may have {max_body} bytes at most", ("body",))
            raise Rejected(413, too_large, connection="close")
    return body


def _parse(text: bytes | bytearray, name: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ValidationFailed(f"{name} is not JSON: {error.msg} at character {error.pos}", (name,)) from None

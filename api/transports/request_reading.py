"""Reads operations from HTTP requests: https://graphql.github.io/graphql-over-http/draft/#sec-Request"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from api.graphql.execution.operation_request import OperationRequest, read_operation
from api.limits.arriving_bodies import ArrivingBody
from api.transports.request_bodies import parse_json, read_body
from domain.kernel.errors import ValidationFailed


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """Limits of requests: bytes of a body, operations of a batch (1 disables batches), seconds for a body."""

    max_body: int
    max_batch: int
    timeout: float


async def read_request(
    request: Request, headers: Mapping[str, str], limits: RequestLimits, arriving: ArrivingBody
) -> OperationRequest | list[Any]:
    """Return the operation of the body, or of the URL of a request without a body.

    Where batches are enabled, a body that is a list is returned as it is; its operations are not checked yet.
    Raises HttpRejection, ValidationFailed, and ClientDisconnect.
    """
    if request.method != "POST":
        return _read_url(request)
    body = await read_body(request, headers, limits.max_body, limits.timeout, arriving)
    if not isinstance(body, list):
        return read_operation(body)
    if limits.max_batch == 1:
        raise ValidationFailed("batches are disabled; send each operation by itself", ("body",))
    if 0 < len(body) <= limits.max_batch and all(isinstance(operation, dict) for operation in body):
        return body
    raise ValidationFailed(f"a batch must be a list of 1 to {limits.max_batch} objects", ("body",))


def _read_url(request: Request) -> OperationRequest:
    parameters: dict[str, Any] = dict(request.query_params)
    for name in ("variables", "extensions"):
        if parameters.get(name):
            parameters[name] = parse_json(parameters[name].encode(), name)
    return read_operation(parameters)

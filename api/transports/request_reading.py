"""What an HTTP request asks for: https://graphql.github.io/graphql-over-http/draft/#sec-Request"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from api.graphql.execution.operation_request import OperationRequest, read_operation
from api.transports.request_bodies import parse_json, read_body
from domain.kernel.errors import ValidationFailed


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """Bytes of a body, operations in a batch (1: there are none), and seconds for a body to come."""

    max_body: int
    max_batch: int
    timeout: float


async def read_request(request: Request, limits: RequestLimits) -> OperationRequest | list[Any]:
    """The operation in the body, or in the URL of a request that has none.

    Where the body is a list, and there may be batches, it is one, whose operations are not looked into yet.

    Raises Rejected or ValidationFailed where there is none, ClientDisconnect where the client goes meanwhile.
    """
    if request.method != "POST":
        return _read_url(request)
    body = await read_body(request, limits.max_body, limits.timeout)
    if not isinstance(body, list):
        return read_operation(body)
    if limits.max_batch == 1:
        raise ValidationFailed("there are no batches here; send each operation by itself", ("body",))
    if 0 < len(body) <= limits.max_batch and all(isinstance(one, dict) for one in body):
        return body
    raise ValidationFailed(f"a batch is a list of 1 to {limits.max_batch} objects", ("body",))


def _read_url(request: Request) -> OperationRequest:
    parameters: dict[str, Any] = dict(request.query_params)
    for name in ("variables", "extensions"):
        if parameters.get(name):
            parameters[name] = parse_json(parameters[name].encode(), name)
    return read_operation(parameters)

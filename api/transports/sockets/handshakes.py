"""The responses to the handshakes of sockets: which are accepted, and why others are not."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from math import ceil

from websockets.http11 import Request, Response

from api.encoding import encode
from api.graphql.error_bodies import refused_result
from api.transports.response_formats import JSON
from api.transports.sockets.frame_parser import FrameParser
from api.transports.sockets.registry import SocketRegistry
from domain.kernel.errors import Forbidden, NerveError
from domain.kernel.limit_errors import RateLimited


def answer_handshake(
    request: Request,
    headers: Mapping[str, str],
    address: str | None,
    parser: FrameParser,
    registry: SocketRegistry,
) -> Response:
    """Return the response to a handshake from this address, with these headers."""
    if request.path.partition("?")[0] not in registry.paths:
        return parser.reject(HTTPStatus.NOT_FOUND, f"WebSockets are served at {registry.paths[0]}.\n")
    if registry.full:
        reason = "This server accepts no more sockets; try another one.\n"
        return parser.reject(HTTPStatus.SERVICE_UNAVAILABLE, reason)
    if registry.is_full_for(address):
        reason = "Your other sockets must send connection_init first.\n"
        return parser.reject(HTTPStatus.TOO_MANY_REQUESTS, reason)
    try:
        registry.policy.check(headers.get("host"), headers.get("origin"), headers.get("sec-fetch-site"))
    except Forbidden as error:
        registry.refusals.add(error)
        return _refuse(HTTPStatus.FORBIDDEN, error, parser)
    try:
        if registry.endpoint.handshake_rate is not None:
            registry.endpoint.handshake_rate.take(address)
    except RateLimited as error:
        response = _refuse(HTTPStatus.TOO_MANY_REQUESTS, error, parser)
        response.headers["Retry-After"] = str(ceil(error.retry_after or 0))
        return response
    return parser.accept(request)


def _refuse(status: HTTPStatus, error: NerveError, parser: FrameParser) -> Response:
    """Return the response with the error as JSON."""
    response = parser.reject(status, encode(refused_result(error)).decode())
    del response.headers["Content-Type"]
    response.headers["Content-Type"] = JSON.content_type
    return response

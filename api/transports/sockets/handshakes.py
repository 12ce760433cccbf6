"""The responses to the handshakes of sockets: which are accepted, and why others are not."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from websockets.http11 import Request, Response

from api.encoding import encode
from api.graphql.error_bodies import refused_result
from api.transports.response_formats import JSON
from api.transports.sockets.frame_parser import FrameParser
from api.transports.sockets.registry import SocketRegistry
from domain.kernel.errors import Forbidden


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
    return _refuse_page(headers, parser, registry) or parser.accept(request)


def _refuse_page(
    headers: Mapping[str, str], parser: FrameParser, registry: SocketRegistry
) -> Response | None:
    """Return the response to a handshake of a page that may not use the API; None for any other."""
    get = headers.get
    try:
        registry.policy.check(get("host"), get("origin"), get("sec-fetch-site"))
    except Forbidden as error:
        registry.refusals.add(error)
        response = parser.reject(HTTPStatus.FORBIDDEN, encode(refused_result(error)).decode())
        del response.headers["Content-Type"]
        response.headers["Content-Type"] = JSON.content_type
        return response
    return None

"""Responses with the results of operations."""

from __future__ import annotations

from functools import partial

from starlette.responses import Response
from starlette.types import ASGIApp

from api.access.tenant_choice import TENANT_HEADER
from api.encoding import encode
from api.graphql.execution.executor import PreparedOperation, Result
from api.graphql.execution.result_cache import CachedResult
from api.limits.refused_work import is_large_document
from api.transports.body_responses import ON_HEAD, BodyResponse
from api.transports.conditional_responses import respond_conditionally
from api.transports.endpoint import AdmittedCaller, forwarded_for
from api.transports.exchange import Exchange
from api.transports.known_requests import MAX_REQUEST, KnownRequest, bytes_of
from api.transports.rejections import CHALLENGE, RefusedResponse, is_refused
from api.transports.response_formats import GRAPHQL, ResponseFormat
from domain.kernel.errors import Unauthenticated


def respond_to_query(exchange: Exchange, result: Result | CachedResult, media: ResponseFormat) -> ASGIApp:
    """Respond with the result of a query, to a GET in a form that the client can keep."""
    if isinstance(result, CachedResult):
        body = media.whole(result.body)
    elif "errors" in result:
        return respond(result, media)
    else:
        body = media.whole(encode(result))
    if exchange.request.method == "POST" or media.streams:
        return BodyResponse(body, media.content_type)
    return respond_conditionally(exchange.headers, body, media.content_type)


def remember_request(
    exchange: Exchange,
    admitted: AdmittedCaller,
    prepared: PreparedOperation,
    media: ResponseFormat,
    result: CachedResult,
) -> None:
    """Let a request that was served from the cache be remembered with the headers of its response."""
    request, headers, endpoint = exchange
    sent = bytes_of(request.scope)
    if (
        sent is None
        or len(sent) > MAX_REQUEST
        or media.streams
        or admitted.api.reads is not None
        or TENANT_HEADER in headers
    ):
        return
    if endpoint.refused_work is not None and is_large_document(prepared.document.weight):
        return
    caller, forwarded = admitted.admission.caller, forwarded_for(request.scope)
    known = KnownRequest(sent, headers, forwarded, caller, result.key, media)
    request.scope[ON_HEAD] = partial(endpoint.known_requests.remember, known)


def respond(result: Result, media: ResponseFormat) -> ASGIApp:
    """Respond with a result. A refused operation is a client error in the media type for GraphQL alone.

    One that needs credentials is refused with 401 in each.
    """
    body, status, headers = media.whole(encode(result)), 200, {}
    if "errors" not in result:
        return BodyResponse(body, media.content_type)
    if "data" not in result:
        status = 400 if media is GRAPHQL else 200
        if any(error["extensions"]["code"] == Unauthenticated.code for error in result["errors"]):
            status, headers = 401, {"www-authenticate": CHALLENGE}
    kind = RefusedResponse if is_refused(result) else Response
    return kind(body, status, headers, media_type=media.content_type)

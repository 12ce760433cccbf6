"""Responses to requests that are rejected before an operation runs."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any

from starlette.responses import Response

from api.access.credentials import InvalidCredentials
from api.encoding import encode
from api.graphql.error_bodies import refused_result
from api.transports.request_bodies import HttpRejection
from api.transports.response_formats import JSON, ResponseFormat
from domain.kernel.errors import (
    AlreadyExists,
    Forbidden,
    NerveError,
    NotFound,
    Unauthenticated,
    Unavailable,
    ValidationFailed,
)
from domain.kernel.limit_errors import RateLimited, TooComplex

STATUSES: dict[type[NerveError], int] = {
    ValidationFailed: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    AlreadyExists: 409,
    RateLimited: 429,
    Unavailable: 503,
}
"""The statuses of errors that occur before an operation runs."""

REFUSALS = tuple(STATUSES)

REFUSED = (ValidationFailed, Unauthenticated, TooComplex)
"""The errors of requests that are refused because of what was sent."""

REFUSED_CODES = frozenset(kind.code for kind in REFUSED)

CHALLENGE = "Bearer"
"""How a client authenticates (RFC 6750, section 3)."""


class RejectionResponse(Response):
    """The response to a request of which no operation was run. A client gets so many in a second."""

    def end_connection(self) -> None:
        """Let the connection end behind this response."""
        self.headers["connection"] = "close"


class RefusedResponse(RejectionResponse):
    """The response to a request that was refused because of what was sent."""


def is_refused(result: Mapping[str, Any]) -> bool:
    """Return whether the result of an operation has no data, because of what was sent."""
    return result.get("data") is None and any(
        error["extensions"]["code"] in REFUSED_CODES for error in result.get("errors", ())
    )


def respond_with_error(error: NerveError, media: ResponseFormat | None) -> RejectionResponse:
    """Return the response to a request that is refused with one of `REFUSALS`."""
    status = next(status for kind, status in STATUSES.items() if isinstance(error, kind))
    headers = {}
    if isinstance(error, Unauthenticated):
        is_invalid = isinstance(error, InvalidCredentials)
        headers["www-authenticate"] = f'{CHALLENGE} error="invalid_token"' if is_invalid else CHALLENGE
    if isinstance(error, RateLimited) and error.retry_after is not None:
        headers["retry-after"] = str(ceil(error.retry_after))
    return reject(HttpRejection(status, error, **headers), media)


def reject(rejected: HttpRejection, media: ResponseFormat | None) -> RejectionResponse:
    """Respond with an error, in JSON also to a client that accepts streams only."""
    content_type = (JSON if media is None or media.streams else media).content_type
    body = encode(refused_result(rejected.error))
    kind = RefusedResponse if isinstance(rejected.error, REFUSED) else RejectionResponse
    return kind(body, rejected.status, rejected.headers, media_type=content_type)

"""What the replies of outside ports mean: the reply of the process, a refusal, or another attempt."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import orjson
from pydantic import ValidationError

from domain.kernel.errors import UnfitValue
from domain.kernel.fields import Json
from domain.process.inputs import from_json
from domain.process.ports import Request, reply_class
from subscriptions.processes.ports import PortRefused, PortUnavailable

INVALID_REPLY = "INVALID_REPLY"
"""The code of a refusal because the reply does not have the declared form."""

MAX_CODE = 100
MAX_MESSAGE = 1_000
"""Characters that are kept of a refusal's code and message."""

_TRANSIENT = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})


def read_reply(port: str, status: int, body: bytes, retry_after: str | None, now: datetime) -> Json:
    """Return the JSON of a successful HTTP response; null for an empty body.

    Raises PortUnavailable for a status that passes, PortRefused for every other one.
    """
    if is_transient(status):
        raise PortUnavailable(
            f"the port {port} answered {_title(status)}; the request is sent again",
            read_retry_after(retry_after, now),
        )
    if status >= HTTPStatus.BAD_REQUEST:
        raise _refusal(port, status, body)
    if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        raise PortRefused(
            f"HTTP_{status}",
            f"the port {port} answered {_title(status)}, and redirects are not followed; set its url to the "
            "address that serves the requests",
        )
    try:
        reply: Json = orjson.loads(body) if body else None
    except orjson.JSONDecodeError:
        raise PortRefused(INVALID_REPLY, f"the port {port} answered {status} without JSON") from None
    return reply


def fit_reply(request: Request[Any], reply: Json) -> Json:
    """Return the reply if it fits the class that the request declares; raise PortRefused if not."""
    declared = reply_class(type(request))
    try:
        from_json(declared, {} if reply is None else reply)
    except ValidationError as error:
        place = ".".join(map(str, error.errors(include_url=False)[0]["loc"])) or "the reply"
        reason = f"{place}: {error.errors(include_url=False)[0]['msg']}"
    except UnfitValue as error:
        reason = str(error)
    else:
        return {} if reply is None else reply
    raise PortRefused(
        INVALID_REPLY,
        f"the port {request.port} replied to {type(request).__name__} with what is no {declared.__name__} "
        f"({reason}); it may have carried out the request",
    )


def is_transient(status: int) -> bool:
    """Return whether the same request may be accepted later, because the server could not handle it."""
    return status in _TRANSIENT or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def read_retry_after(text: str | None, now: datetime) -> float | None:
    """Return the seconds of a Retry-After header, which has a number or a date; None if it has neither."""
    if text is None:
        return None
    if text.strip().isdecimal():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (at.astimezone(UTC) - now).total_seconds())


def _refusal(port: str, status: int, body: bytes) -> PortRefused:
    """Return the refusal with the code and the message of the body, if it is JSON that has them."""
    try:
        problem = orjson.loads(body)
    except orjson.JSONDecodeError:
        problem = None
    code, message = (
        (problem.get("code"), problem.get("message")) if isinstance(problem, dict) else (None, None)
    )
    if not isinstance(code, str) or not code:
        code = f"HTTP_{status}"
    if not isinstance(message, str) or not message:
        message = f"the port {port} answered {_title(status)}"
    return PortRefused(code[:MAX_CODE], message[:MAX_MESSAGE])


def _title(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)

"""Reads the body of an HTTP request: media type, character set, coding, and limits on size and time."""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive

from api.limits.arriving_bodies import ArrivingBody
from api.limits.json_limits import check_json_size
from api.limits.refused_work import is_large_body
from api.transports.known_requests import bytes_of
from api.transports.response_formats import JSON, is_utf8, read_parameters
from domain.kernel.errors import NerveError, ValidationFailed
from domain.kernel.limit_errors import RateLimited

CODINGS = ("gzip", "deflate")
_BOM = b"\xef\xbb\xbf"
_AUTOMATIC, _RAW = zlib.MAX_WBITS | 32, -zlib.MAX_WBITS
"""Window bits, with and without a header of gzip or zlib: some clients send deflate without one."""


class HttpRejection(Exception):
    """The request is rejected with this HTTP status before it is run."""

    def __init__(self, status: int, error: NerveError, **headers: str) -> None:
        super().__init__(str(error))
        self.status = status
        self.error = error
        self.headers = headers


def declared_size(method: str, headers: Mapping[str, str]) -> int | None:
    """Return the bytes of the body by its header: 0 without a body, None if it is compressed or not said."""
    if method != "POST":
        return 0
    if _read_coding(headers.get("content-encoding")) is not None:
        return None
    size = headers.get("content-length", "")
    return int(size) if size.isdecimal() else None


async def read_body(
    request: Request, headers: Mapping[str, str], max_body: int, seconds: float, arriving: ArrivingBody
) -> Any:
    """Return the JSON of the body.

    Raises what `read_bytes` raises, TooComplex for too many values, and ValidationFailed if it is not JSON.
    """
    _check_type(headers.get("content-type"))
    body = await read_bytes(request, headers, max_body, seconds, arriving)
    if not body:
        raise ValidationFailed('the body is empty; send a JSON object with a "query"', ("body",))
    check_json_size(body)
    if is_large_body(len(body)):
        # To look at a large body takes a millisecond, and so does to parse it.
        await asyncio.sleep(0)
    return parse_json(body, "body")


async def read_bytes(
    request: Request, headers: Mapping[str, str], max_body: int, seconds: float, arriving: ArrivingBody
) -> bytearray:
    """Return the decoded body, which has at most `max_body` bytes, before and after decoding.

    The body has to arrive within `seconds`, and is counted in `arriving` until then. Raises HttpRejection,
    ValidationFailed where the body cannot be decoded, and ClientDisconnect.
    """
    coding = _read_coding(headers.get("content-encoding"))
    try:
        if bytes_of(request.scope) is None:
            with arriving:
                async with asyncio.timeout(seconds):
                    body = await _receive(request.receive, max_body, arriving)
        else:
            # All of it has arrived.
            body = await _receive(request.receive, max_body)
    except TimeoutError:
        too_slow = ValidationFailed(f"the body did not arrive within {seconds} seconds", ("body",))
        raise HttpRejection(408, too_slow, connection="close") from None
    except RateLimited as error:
        raise HttpRejection(429, error, connection="close") from None
    return body if coding is None else _decode(body, coding, max_body)


def parse_json(text: bytes | bytearray, name: str) -> Any:
    """Return the JSON of the parameter `name`; raises ValidationFailed where it is not JSON."""
    try:
        return orjson.loads(text[3:] if text[:3] == _BOM else text)
    except orjson.JSONDecodeError as error:
        try:
            text.decode()
        except UnicodeDecodeError as wrong:
            raise ValidationFailed(f"{name} is not UTF-8 at byte {wrong.start}", (name,)) from None
        raise ValidationFailed(f"{name} is not JSON: {_reason(error)}", (name,)) from None


def _reason(error: orjson.JSONDecodeError) -> str:
    reason = re.sub(r": line \d+ column \d+ \(char \d+\)$", "", error.msg)
    return f"{reason} at character {error.pos}"


@lru_cache(100)
def _check_type(content_type: str | None) -> None:
    name, parameters = read_parameters(content_type or "")
    if name != JSON.type:
        sent = f"not {name!a}" if name else "and the request has no Content-Type"
        raise HttpRejection(415, ValidationFailed(f"the body must be {JSON.type}, {sent}", ("content-type",)))
    charset = parameters.get("charset", "utf-8")
    if not is_utf8(charset):
        wrong = f"the character set {charset!a} is not supported; send the body in UTF-8"
        raise HttpRejection(415, ValidationFailed(wrong, ("content-type",)))


@lru_cache(100)
def _read_coding(header: str | None) -> str | None:
    codings = [coding.strip() for coding in (header or "").lower().split(",")]
    applied = [coding.removeprefix("x-") for coding in codings if coding not in ("", "identity")]
    if not applied:
        return None
    if len(applied) > 1 or applied[0] not in CODINGS:
        supported = ", ".join(CODINGS)
        wrong = (
            f"the content encoding {', '.join(applied)!a} is not supported; use one of {supported}, or none"
        )
        raise HttpRejection(
            415, ValidationFailed(wrong, ("content-encoding",)), **{"accept-encoding": supported}
        )
    return applied[0]


async def _receive(receive: Receive, max_body: int, arriving: ArrivingBody | None = None) -> bytearray:
    body, is_complete = bytearray(), False
    while not is_complete:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        piece = message.get("body", b"")
        if arriving is not None:
            arriving.grow(len(piece))
        body += piece
        _check_size(body, max_body)
        is_complete = not message.get("more_body", False)
    return body


def _decode(body: bytearray, coding: str, max_body: int) -> bytearray:
    bits = _AUTOMATIC if coding == "gzip" or _has_zlib_header(body) else _RAW
    decoder = zlib.decompressobj(bits)
    try:
        decoded = bytearray(decoder.decompress(body, max_body + 1))
    except zlib.error:
        raise ValidationFailed(
            f"the body is not valid {coding} data, which its content-encoding announces", ("body",)
        ) from None
    _check_size(decoded, max_body)
    if not decoder.eof or decoder.unused_data:
        wrong = "has bytes behind the end of" if decoder.eof else "ends within"
        raise ValidationFailed(f"the body {wrong} its {coding} data", ("body",))
    return decoded


def _has_zlib_header(body: bytearray) -> bool:
    return len(body) > 1 and body[0] & 0x0F == zlib.DEFLATED and (body[0] << 8 | body[1]) % 31 == 0


def _check_size(body: bytearray, max_body: int) -> None:
    if len(body) > max_body:
        too_large = ValidationFailed(f"the body may have at most {max_body} bytes", ("body",))
        raise HttpRejection(413, too_large, connection="close")

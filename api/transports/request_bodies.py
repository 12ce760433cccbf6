"""The JSON of an HTTP request's body: media type, character set and coding, with bounds on size and time."""

from __future__ import annotations

import asyncio
import re
import zlib
from functools import lru_cache
from typing import Any

import orjson
from starlette.requests import Request

from api.transports.response_formats import JSON, is_utf8, read_parameters
from domain.kernel.errors import NerveError, ValidationFailed

CODINGS = ("gzip", "deflate")
_BOM = b"\xef\xbb\xbf"
_AUTOMATIC, _RAW = zlib.MAX_WBITS | 32, -zlib.MAX_WBITS
"""Window bits: the first for what has a header of gzip or zlib; some send deflate without one."""


class HttpRejection(Exception):
    """The request is answered with this HTTP status before GraphQL sees it."""

    def __init__(self, status: int, error: NerveError, **headers: str) -> None:
        super().__init__(str(error))
        self.status = status
        self.error = error
        self.headers = headers


async def read_body(request: Request, max_body: int, patience: float) -> Any:
    """The JSON of the body, of at most `max_body` bytes before and after decoding, within `patience` seconds.

    Raises Rejected, ValidationFailed where it is no JSON, and ClientDisconnect.
    """
    _check_type(request.headers.get("content-type"))
    coding = _read_coding(request.headers.get("content-encoding"))
    try:
        async with asyncio.timeout(patience):
            body = await _receive(request, max_body)
    except TimeoutError:
        too_slow = ValidationFailed(f"the body did not come within {patience} seconds", ("body",))
        raise HttpRejection(408, too_slow, connection="close") from None
    if coding is not None:
        body = _decode(body, coding, max_body)
    if not body:
        raise ValidationFailed(
            'the body is empty; a POST carries a JSON object with "query" in it', ("body",)
        )
    return parse_json(body, "body")


def parse_json(text: bytes | bytearray, name: str) -> Any:
    """The JSON of a parameter of this name; raises ValidationFailed where it is none."""
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
    codings = [one.strip() for one in (header or "").lower().split(",")]
    applied = [one.removeprefix("x-") for one in codings if one not in ("", "identity")]
    if not applied:
        return None
    if len(applied) > 1 or applied[0] not in CODINGS:
        known = ", ".join(CODINGS)
        wrong = f"the content encoding {', '.join(applied)!a} is not supported; use one of {known}, or none"
        raise HttpRejection(415, ValidationFailed(wrong, ("content-encoding",)), **{"accept-encoding": known})
    return applied[0]


async def _receive(request: Request, max_body: int) -> bytearray:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        _check_size(body, max_body)
    return body


def _decode(body: bytearray, coding: str, max_body: int) -> bytearray:
    bits = _AUTOMATIC if coding == "gzip" or _has_zlib_header(body) else _RAW
    decoder = zlib.decompressobj(bits)
    try:
        decoded = bytearray(decoder.decompress(body, max_body + 1))
    except zlib.error:
        raise ValidationFailed(
            f"the body is not the {coding} data that it is said to be", ("body",)
        ) from None
    _check_size(decoded, max_body)
    if not decoder.eof or decoder.unused_data:
        where = "behind" if decoder.eof else "before"
        raise ValidationFailed(f"the body ends {where} its {coding} data", ("body",))
    return decoded


def _has_zlib_header(body: bytearray) -> bool:
    return len(body) > 1 and body[0] & 0x0F == zlib.DEFLATED and (body[0] << 8 | body[1]) % 31 == 0


def _check_size(body: bytearray, max_body: int) -> None:
    if len(body) > max_body:
        too_large = ValidationFailed(f"the body may have {max_body} bytes at most", ("body",))
        raise HttpRejection(413, too_large, connection="close")

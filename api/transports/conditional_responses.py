"""Responses to GET that a client can keep: with an ETag, and without a body where the client has it already.

https://www.rfc-editor.org/rfc/rfc9110#name-conditional-requests
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b

from starlette.responses import Response

TAG_BYTES = 16

PRIVATE = "private, no-cache"
"""Only the client itself may store the response, and asks each time whether it has changed."""


def respond_conditionally(request: Mapping[str, str], body: bytes, content_type: str) -> Response:
    """Return the response to a GET with these headers; its names are in lower case.

    The tag is of the body and its type, so it is of no use to a caller that would get another body.
    """
    tag = f'"{blake2b(body, digest_size=TAG_BYTES, key=content_type.encode()).hexdigest()}"'
    headers = {"etag": tag, "cache-control": PRIVATE, "vary": "accept"}
    if _names_tag(request.get("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=content_type)


def _names_tag(sent: str | None, tag: str) -> bool:
    """Return whether the header If-None-Match names the tag, which a proxy may have made a weak one."""
    if sent is None:
        return False
    tags = [each.strip().removeprefix("W/") for each in sent.split(",")]
    return tag in tags or tags == ["*"]

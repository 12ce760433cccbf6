"""Requests that a foreign web page lets a browser send with its user's cookie (CSRF).

A browser sends them without asking the server first, if they need no preflight: GET, and POST with the media
types of forms. The page cannot read the response, but the request would be made as the user.
"""

from __future__ import annotations

from collections.abc import Mapping

from api.access.credentials import HEADERS
from domain.kernel.errors import Forbidden

_WITHOUT_PREFLIGHT = frozenset({"GET", "HEAD", "POST"})
_OWN_SITES = frozenset({"same-origin", "none"})
"""Values of Sec-Fetch-Site: pages of this server, and what a user opens without a page."""

PREFLIGHT_HEADERS = ("graphql-require-preflight", "apollo-require-preflight", "x-requested-with")
"""Headers that a foreign page cannot send without a preflight, whatever their value is."""


def check_forgery(method: str, headers: Mapping[str, str], cookie: str | None) -> None:
    """Raise Forbidden where a foreign page could have sent the request, and a cookie authenticates it.

    `cookie` is the name of the cookie with credentials, if there is one. Names of headers are in lower case.
    Requests of foreign pages that name their origin were refused before.
    """
    if cookie is None or method not in _WITHOUT_PREFLIGHT or not _has_cookie(headers, cookie):
        return
    if any(name in headers for name in (*HEADERS, *PREFLIGHT_HEADERS, "origin")):
        return
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "application/json" or headers.get("sec-fetch-site") in _OWN_SITES:
        return
    raise Forbidden(
        "a request with a cookie must show that no other page sent it: send it as application/json, or with "
        f"the header {PREFLIGHT_HEADERS[0]}: 1"
    )


def _has_cookie(headers: Mapping[str, str], cookie: str) -> bool:
    names = (part.partition("=")[0].strip() for part in headers.get("cookie", "").split(";"))
    return cookie in names

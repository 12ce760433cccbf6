"""Finds the credential of a request: in the header ``Authorization`` or ``X-API-Key``, or in a cookie."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from domain.kernel.errors import Unauthenticated

HEADERS = ("authorization", "x-api-key")
"""The headers that contain credentials. Over a socket, `connection_init` may contain them too."""

API_KEY_PREFIX = "nerve_"
"""What every API key begins with, and no token does."""


CREDENTIALS_NEEDED = "this needs credentials: send a token, as in the header Authorization: Bearer TOKEN"


class InvalidCredentials(Unauthenticated):
    """Credentials were sent that are not accepted. The message says nothing that helps to make valid ones."""


def combine_headers(items: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return headers by their names in lower case. A repeated one has all its values: none is overlooked."""
    headers: dict[str, str] = {}
    for name, value in items:
        key = name.lower()
        separator = "; " if key == "cookie" else ", "
        headers[key] = f"{headers[key]}{separator}{value}" if key in headers else value
    return headers


def find_credential(headers: Mapping[str, str], cookie: str | None) -> str | None:
    """Return the token or API key of a request, or None if it has none.

    `cookie` is the name of the cookie that may contain it. Raises InvalidCredentials where the header is
    malformed, or two credentials differ: servers on the way could disagree on the one that counts.
    """
    credentials = set(_read(headers, cookie))
    if len(credentials) > 1:
        raise InvalidCredentials("the request has two different credentials; send one")
    return credentials.pop() if credentials else None


def _read(headers: Mapping[str, str], cookie: str | None) -> Iterator[str]:
    if (authorization := headers.get("authorization")) is not None:
        scheme, _, credential = authorization.partition(" ")
        if scheme.lower() != "bearer" or not credential.strip():
            raise InvalidCredentials("the header Authorization must have the form: Bearer <token>")
        yield credential.strip()
    if (key := headers.get("x-api-key")) is not None:
        yield key.strip()
    if cookie is not None:
        for part in headers.get("cookie", "").split(";"):
            name, _, value = part.strip().partition("=")
            if name == cookie and value:
                yield value

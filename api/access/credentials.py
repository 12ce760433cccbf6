"""Finds the credential of a request: in the header ``Authorization`` or ``X-API-Key``, or in a cookie."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

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
    credential: str | None = None
    for sent in _read(headers, cookie):
        if credential is not None and sent != credential:
            raise InvalidCredentials("the request has two different credentials; send one")
        credential = sent
    return credential


def _read(headers: Mapping[str, str], cookie: str | None) -> list[str]:
    credentials: list[str] = []
    if (authorization := headers.get("authorization")) is not None:
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise InvalidCredentials("the header Authorization must have the form: Bearer <token>")
        credentials.append(token)
    if (key := headers.get("x-api-key")) is not None:
        credentials.append(key.strip())
    if cookie is not None:
        for part in headers.get("cookie", "").split(";"):
            name, _, value = part.strip().partition("=")
            if name == cookie and value:
                credentials.append(value)
    return credentials

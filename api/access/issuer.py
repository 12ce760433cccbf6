"""Fetches the discovery document and the key set of an issuer (OpenID Connect Discovery 1.0, RFC 7517)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from aiohttp import ClientError, ClientSession, ClientTimeout

from api.access.fetched_keys import FetchFailed
from api.access.strict_json import read_object
from api.access.token_keys import TokenKey, read_key_set
from api.auth_settings import AuthSettings

TIMEOUT = 5.0
"""Seconds until an attempt to fetch the keys has failed."""

MAX_DOCUMENT = 500_000
"""Bytes of a document of the issuer."""


async def fetch_keys(settings: AuthSettings) -> Sequence[TokenKey]:
    """Return the keys of the issuer that verify accepted tokens; raises FetchFailed."""
    url = settings.keys_url
    assert url is not None, "with a key in the settings, none is fetched"
    async with ClientSession(timeout=ClientTimeout(total=TIMEOUT)) as session:
        if settings.jwks_url is None:
            url = _key_set_url(await _get(session, url), settings)
        document = await _get(session, url)
    try:
        keys = read_key_set(document, settings.accepted_algorithms)
    except ValueError as error:
        raise FetchFailed(f"{url} is no key set: {error}") from None
    if not keys:
        algorithms = ", ".join(settings.accepted_algorithms)
        raise FetchFailed(f"{url} has no key for {algorithms}; check auth.algorithms")
    return keys


def _key_set_url(document: Mapping[str, Any], settings: AuthSettings) -> str:
    issuer, url = document.get("issuer"), document.get("jwks_uri")
    if issuer != settings.issuer:
        # Otherwise the keys of one issuer could verify tokens of another.
        raise FetchFailed(f"the discovery document is of the issuer {issuer!a}, and not of auth.issuer")
    if not isinstance(url, str) or not settings.may_fetch(url):
        raise FetchFailed("the discovery document has no jwks_uri that begins with https://")
    return url


async def _get(session: ClientSession, url: str) -> Mapping[str, Any]:
    place = urlsplit(url)._replace(query="", fragment="").geturl()
    try:
        async with session.get(url, allow_redirects=False) as response:
            if response.status != 200:
                raise FetchFailed(f"{place} answered with status {response.status}")
            body = bytearray()
            async for chunk in response.content.iter_chunked(65_536):
                body += chunk
                if len(body) > MAX_DOCUMENT:
                    raise FetchFailed(f"{place} has more than {MAX_DOCUMENT} bytes")
    except (ClientError, OSError, TimeoutError) as error:
        raise FetchFailed(f"{place} does not answer ({type(error).__name__})") from None
    try:
        return read_object(bytes(body))
    except ValueError:
        raise FetchFailed(f"{place} is not a JSON object") from None

"""The HTTP client for requests to other systems: without cookies, redirects and private addresses."""

from __future__ import annotations

import aiohttp
from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

from api.ports.public_sockets import PrivateAddress, open_public_socket


def open_session(*, allow_private: bool, timeout: float) -> ClientSession:
    """Return a client session; `timeout` is in seconds, for a request with its response.

    It opens any number of connections: callers limit their requests, and none waits for those of others.
    """
    return ClientSession(
        connector=TCPConnector(limit=0, socket_factory=None if allow_private else open_public_socket),
        cookie_jar=DummyCookieJar(),
        timeout=ClientTimeout(total=timeout),
        auto_decompress=False,
    )


def has_private_address(error: aiohttp.ClientError) -> bool:
    """Return whether a request was not sent because its host has a private address."""
    return isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, PrivateAddress)


def describe_failure(host: str, error: aiohttp.ClientError) -> str:
    """Return why there is no response. The text contains no part of the URL but its host."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return f"the certificate of {host} is not valid: {error.certificate_error}"
        case aiohttp.ClientConnectorError():
            return f"cannot connect to {host}: {error.os_error.strerror or error.os_error}"
    return f"the connection to {host} failed ({type(error).__name__})"

"""Opens clients of Redis, and turns their errors into those of nerve."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from ssl import SSLCertVerificationError
from typing import Any
from urllib.parse import parse_qs, urlsplit

from redis import exceptions

from domain.kernel.errors import ConfigurationError, Unavailable, UntrustedCertificate


def open_redis(client: Any, url: str, timeout: float, **options: Any) -> Any:
    """Return a client of this class. Raises ConfigurationError where the URL, or a file in it, is wrong."""
    _check_authority(url)
    try:
        return client.from_url(url, socket_timeout=timeout, socket_connect_timeout=timeout, **options)
    except ValueError:
        # The driver's message may hold the URL, and with it the password.
        raise ConfigurationError("the Redis URL is not one: expected redis://host:port/") from None


@contextmanager
def unavailable_if_down() -> Iterator[None]:
    """Raise Unavailable for the errors of a Redis that does not do what it is asked."""
    try:
        yield
    except (exceptions.RedisError, exceptions.RedisClusterException, OSError) as error:
        if _is_untrusted(error):
            raise UntrustedCertificate("the certificate of Redis is not trusted") from error
        # The driver's message may hold the URL, and with it the password.
        raise Unavailable(f"Redis is out of reach ({type(error).__name__})") from error


def _check_authority(url: str) -> None:
    """Raise ConfigurationError where the file with the certificates of the authority cannot be read."""
    for name in parse_qs(urlsplit(url).query).get("ssl_ca_certs", ()):
        try:
            open(name, "rb").close()
        except OSError as error:
            raise ConfigurationError(f"ssl_ca_certs in the Redis URL: {name}: {error.strerror}") from None


def _is_untrusted(error: BaseException | None) -> bool:
    """Return whether a refused certificate is a cause of the error."""
    while error is not None:
        if isinstance(error, SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False

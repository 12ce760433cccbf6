"""TLS of the API's own address."""

from __future__ import annotations

import ssl
from pathlib import Path

from domain.kernel.errors import ConfigurationError


def open_tls(certificate: Path, key: Path | None) -> ssl.SSLContext:
    """Return the TLS context of a server with this certificate chain and private key, both in PEM.

    It speaks TLS 1.2 and later. Raises ConfigurationError where a file cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    for name, path in (("tls_cert", certificate), ("tls_key", key)):
        _check_readable(name, path)
    try:
        context.load_cert_chain(certificate, key, password=_refuse_password)
    except ssl.SSLError as error:
        reason = (error.reason or "").replace("_", " ").lower() or "not PEM"
        raise ConfigurationError(
            f"tls_cert {certificate} and tls_key {key or certificate} are not a certificate and its private "
            f"key in PEM ({reason})"
        ) from None
    return context


def _check_readable(name: str, path: Path | None) -> None:
    try:
        if path is not None:
            path.open("rb").close()
    except OSError as error:
        raise ConfigurationError(f"{name} {path} cannot be read: {error.strerror}") from None


def _refuse_password() -> str:
    raise ConfigurationError(
        "tls_key is encrypted; give nerve a key without a passphrase in a file of its own"
    )

"""The form of the secrets with which requests are signed: https://www.standardwebhooks.com"""

from __future__ import annotations

from base64 import b64decode

from pydantic import SecretStr

SECRET_PREFIX = "whsec_"
SECRET_BYTES = range(24, 65)
"""Lengths of a secret, as the specification of Standard Webhooks has them."""


def check_webhook_secret(secret: SecretStr) -> SecretStr:
    """Return the secret; raise ValueError if it has another form."""
    if _length(secret) not in SECRET_BYTES:
        raise ValueError(
            f"a secret is {SECRET_PREFIX} and {SECRET_BYTES.start} to {SECRET_BYTES.stop - 1} bytes in "
            "base64, as `openssl rand -base64 32` prints them"
        )
    return secret


def _length(secret: SecretStr) -> int:
    """Return the number of bytes of a secret, 0 if it is not in base64."""
    try:
        return len(b64decode(secret.get_secret_value().removeprefix(SECRET_PREFIX), validate=True))
    except ValueError:
        return 0

"""API keys as their holders have them: ``nerve_<id>_<secret>``, of which the log has a hash of the secret."""

from __future__ import annotations

import secrets
from hashlib import sha256
from typing import NamedTuple

SECRET_BYTES = 32

_PREFIX = "nerve_"
_CATEGORY = "apikey-"


class NewSecret(NamedTuple):
    """A secret that was just made, and its hash."""

    text: str
    hash: str


def new_secret() -> NewSecret:
    """Return 256 random bits in hexadecimal digits."""
    text = secrets.token_hex(SECRET_BYTES)
    return NewSecret(text, secret_hash(text))


def secret_hash(secret: str) -> str:
    """Return the hash that the log has of a secret. It needs no salt, because the secret is random."""
    return sha256(secret.encode()).hexdigest()


def format_key(stream: str, secret: str) -> str:
    """Return the key of a stream with this secret."""
    return f"{_PREFIX}{stream.removeprefix(_CATEGORY)}_{secret}"


class ParsedKey(NamedTuple):
    """The stream that a key names, and the hash of its secret."""

    stream: str
    hash: str


def parse_key(text: str) -> ParsedKey | None:
    """Return the parts of a key; None for a text that has not the form of one."""
    if not text.startswith(_PREFIX):
        return None
    suffix, _, secret = text.removeprefix(_PREFIX).rpartition("_")
    if not suffix or len(secret) != 2 * SECRET_BYTES or not secret.isascii():
        return None
    return ParsedKey(_CATEGORY + suffix, secret_hash(secret))

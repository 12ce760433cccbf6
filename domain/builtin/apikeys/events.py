"""What happens to API keys. Hashes are those of secrets with 256 random bits, which nothing stores."""

from __future__ import annotations

from datetime import datetime

from domain.kernel import Event


class ApiKeyIssued(Event, type="apikey.issued"):
    """An API key is valid from here on; its holder acts as `subject`, with `roles`.

    It may send `commands` alone, or all that its roles allow where that is None.
    """

    name: str
    subject: str
    roles: tuple[str, ...]
    secret_hash: str
    commands: tuple[str, ...] | None = None
    expires_at: datetime | None = None


class ApiKeyRotated(Event, type="apikey.rotated"):
    """The key has a new secret; the previous one is valid until `old_valid_until`."""

    secret_hash: str
    old_valid_until: datetime


class ApiKeyRevoked(Event, type="apikey.revoked"):
    """No secret of the key is valid any more. This is final."""

    reason: str | None = None

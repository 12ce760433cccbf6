"""The secrets of webhooks. Nothing stores them: each is derived from a key of the log."""

from __future__ import annotations

import hmac
from base64 import b64encode
from hashlib import sha256

from eventstore.mongo.log_secrets import LogSecrets
from subscriptions.publishing.ports import WebhookKey

PREFIX = "whsec_"
"""The beginning of a secret in the specification of Standard Webhooks."""


def derive_secret(log_key: bytes, key: WebhookKey, generation: int) -> str:
    """Return the secret of a webhook's generation: 256 bits in base64, by HMAC-SHA256 under the log's key."""
    # The tenant ends with a character that no id and no number has.
    context = f"{key.tenant}\0{key.id}\0{generation}"
    return PREFIX + b64encode(hmac.digest(log_key, context.encode(), sha256)).decode()


class WebhookSecrets:
    """The secrets of the webhooks of one log."""

    def __init__(self, log_secrets: LogSecrets) -> None:
        self._log_secrets = log_secrets
        self._key: bytes | None = None

    async def secret(self, key: WebhookKey, generation: int) -> str:
        """Return the secret of a webhook's generation. Raises Unavailable."""
        if self._key is None:
            self._key = await self._log_secrets.webhook_key()
        return derive_secret(self._key, key, generation)

"""The random keys of a log, which all its processes share."""

from __future__ import annotations

import secrets

from eventstore.mongo.driver import Document, unavailable_if_down
from eventstore.mongo.log_collections import LogCollections

KEY_BYTES = 32


class LogSecrets:
    """The keys of one log. The first process that asks for a key makes it; methods raise Unavailable."""

    def __init__(self, collections: LogCollections) -> None:
        self._meta = collections.meta

    async def position_key(self) -> bytes:
        """Return the key that seals positions for clients; `renew_position_key` replaces it."""
        return await self._key("secret")

    async def digest_key(self) -> bytes:
        """Return the key of the digests of commands; it never changes."""
        return await self._key("digest_key")

    async def webhook_key(self) -> bytes:
        """Return the key from which the secrets of webhooks are derived; it never changes."""
        return await self._key("webhook_key")

    async def renew_position_key(self) -> None:
        """Make another key for positions. Running processes keep the one that they have."""
        with unavailable_if_down():
            await self._meta.update_one({"_id": "secret"}, {"$set": _new_key()}, upsert=True)

    async def _key(self, name: str) -> bytes:
        with unavailable_if_down():
            await self._meta.update_one({"_id": name}, {"$setOnInsert": _new_key()}, upsert=True)
            stored = await self._meta.find_one({"_id": name})
        assert stored is not None
        key: bytes = stored["value"]
        return key


def _new_key() -> Document:
    return {"value": secrets.token_bytes(KEY_BYTES)}

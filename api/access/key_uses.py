"""The last use of each API key. It has a collection of its own: a use is no event."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta

from pymongo import UpdateOne

from api.access.api_keys import KeyId
from api.access.background_writer import BackgroundWriter
from eventstore.mongo.driver import Database, unavailable_if_down

KEY_USES = "key_uses"
"""The collection: a document for each key that was used."""

RESOLUTION = timedelta(minutes=1)
"""A use so soon after one that is recorded is not recorded."""

INTERVAL = 5.0
"""Seconds between writes."""


class KeyUses:
    """The last use of each API key, to the minute."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._uses = database[KEY_USES]
        self._clock = clock
        self._recorded: dict[KeyId, datetime] = {}
        self._writer = BackgroundWriter(self._uses, "uses of API keys", INTERVAL)

    def note(self, key: KeyId) -> None:
        """Note that the key was used just now."""
        time = self._clock()
        recorded = self._recorded.get(key)
        if recorded is None or time - recorded >= RESOLUTION:
            self._recorded[key] = time
            use = {"tenant": key.tenant, "key": key.stream}
            self._writer.add(key, UpdateOne({"_id": use}, {"$max": {"last_used_at": time}}, upsert=True))

    def recording(self) -> AbstractAsyncContextManager[None]:
        """Write what is noted inside the context, and at its end."""
        return self._writer.writing()

    async def read(self, tenant: str, streams: Collection[str]) -> Mapping[str, datetime]:
        """Return when each of these keys of a tenant was used last, without those that never were."""
        ids = [{"tenant": tenant, "key": stream} for stream in streams]
        with unavailable_if_down():
            documents = await self._uses.find({"_id": {"$in": ids}}).to_list(None)
        return {document["_id"]["key"]: document["last_used_at"] for document in documents}

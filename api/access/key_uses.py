"""When API keys were used last, recorded now and then: not in the log, because it changes nothing."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta

from pymongo import UpdateOne

from api.access.keys import KeyId
from domain.kernel.errors import Unavailable
from eventstore.mongo.driver import Database, unavailable_if_down
from subscriptions.feed.background import BackgroundLoop

logger = logging.getLogger(__name__)

KEY_USES = "key_uses"
"""The collection: a document for each key that was used."""

RESOLUTION = timedelta(minutes=1)
"""A use so soon after one that is recorded is not recorded."""

INTERVAL = 5.0
"""Seconds between writes, if there is something to write."""


class KeyUses:
    """The last use of each API key, to the minute."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._uses = database[KEY_USES]
        self._clock = clock
        self._recorded: dict[KeyId, datetime] = {}
        self._unwritten: dict[KeyId, datetime] = {}

    def note(self, key: KeyId) -> None:
        """Note that the key was used just now."""
        time = self._clock()
        recorded = self._recorded.get(key)
        if recorded is None or time - recorded >= RESOLUTION:
            self._recorded[key] = self._unwritten[key] = time

    @asynccontextmanager
    async def recording(self) -> AsyncIterator[None]:
        """Write what is noted inside the context, and at its end."""
        loop = BackgroundLoop(self._write, "the last use of API keys is not recorded", logger)
        loop.start()
        try:
            yield
        finally:
            await loop.stop()
            with suppress(Unavailable):
                await self._write()

    async def read(self, tenant: str, streams: Collection[str]) -> Mapping[str, datetime]:
        """Return when each of these keys of a tenant was used last, without those that never were."""
        ids = [{"tenant": tenant, "key": stream} for stream in streams]
        with unavailable_if_down():
            documents = await self._uses.find({"_id": {"$in": ids}}).to_list(None)
        return {document["_id"]["key"]: document["last_used_at"] for document in documents}

    async def _write(self) -> float:
        uses, self._unwritten = self._unwritten, {}
        if uses:
            updates = [
                UpdateOne(
                    {"_id": {"tenant": key.tenant, "key": key.stream}},
                    {"$max": {"last_used_at": time}},
                    upsert=True,
                )
                for key, time in uses.items()
            ]
            try:
                with unavailable_if_down():
                    await self._uses.bulk_write(updates, ordered=False)
            except BaseException:
                # Also where the loop is stopped in the middle: the last write has them then.
                self._unwritten = {**uses, **self._unwritten}
                raise
        return INTERVAL

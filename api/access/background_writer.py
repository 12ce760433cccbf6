"""Records that are written in the background, so that no request waits for MongoDB."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager, suppress

from domain.kernel.errors import Unavailable
from eventstore.mongo.driver import Collection, Write, unavailable_if_down
from subscriptions.feed.background import BackgroundLoop

logger = logging.getLogger(__name__)

MAX_WAITING = 10_000
"""Writes that wait while MongoDB does not answer. Further ones are lost, and the log says how many."""


class BackgroundWriter:
    """Writes what was added to a collection: every `interval` seconds, and at the end.

    What was added since the last write is lost if the process is killed. A failed write is repeated, so a
    second one must change nothing. `name` is that of the records in messages of the log.
    """

    def __init__(self, collection: Collection, name: str, interval: float) -> None:
        self._collection = collection
        self._name = name
        self._interval = interval
        self._waiting: dict[Hashable, Write] = {}
        self._lost = 0

    def add(self, key: Hashable, write: Write) -> None:
        """Add a write; it replaces one of the same key that waits."""
        if key not in self._waiting and len(self._waiting) >= MAX_WAITING:
            self._lost += 1
        else:
            self._waiting[key] = write

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """Write what is added inside the context, and the rest at its end."""
        loop = BackgroundLoop(self._write, f"{self._name} are not recorded", logger)
        loop.start()
        try:
            yield
        finally:
            await loop.stop()
            with suppress(Unavailable):
                await self._write()

    async def _write(self) -> float:
        writes, self._waiting = self._waiting, {}
        if writes:
            try:
                with unavailable_if_down():
                    await self._collection.bulk_write([*writes.values()], ordered=False)
            except BaseException:
                # Also where the loop is stopped in the middle: the last write has them then.
                self._waiting = {**writes, **self._waiting}
                raise
        if self._lost:
            logger.error(
                "%d %s were not recorded, because MongoDB did not answer for too long", self._lost, self._name
            )
            self._lost = 0
        return self._interval

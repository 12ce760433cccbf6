"""The collections of the log, and the indexes that guard it and serve its reads."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from pymongo import WriteConcern

from eventstore.driver import Collection, Database, Document

VERSION_GUARD = "stream_version"
COMMAND_GUARD = "command_id"
VERSION_KEYS = ("tenant", "stream", "events.version")
COMMAND_KEYS = ("tenant", "command.id")

READ_INDEXES = (
    ("by_type", ("tenant", "events.type", "_id")),
    ("by_category", ("tenant", "category", "_id")),
    ("by_correlation", ("tenant", "correlation", "_id")),
    ("by_time", ("tenant", "at")),
)
"""Each for a search that would read the whole log without it: a second at a million commits, 2 ms with it."""


HEAD_LAG = 3.0
"""Seconds that the head which a majority has may lag behind itself, just after a failover."""


@dataclass(frozen=True, slots=True)
class Collections:
    """Where the log lives. `counters` hands out positions and need not wait for a majority.

    A majority write that comes after covers it, and where a failover takes it back the log itself shows it.
    """

    log: Collection
    counters: Collection
    meta: Collection
    segments: Collection

    @classmethod
    def of(cls, database: Database) -> Collections:
        counters = database["counters"].with_options(write_concern=WriteConcern(w=1))
        return cls(database["log"], counters, database["meta"], database["segments"])

    async def prepare(self) -> None:
        """Create what is missing; safe to run from several processes at once, and again."""
        log = self.log
        await log.create_index(
            _ascending(VERSION_KEYS),
            name=VERSION_GUARD,
            unique=True,
            partialFilterExpression={"stream": {"$exists": True}},
        )
        await log.create_index(
            _ascending(COMMAND_KEYS),
            name=COMMAND_GUARD,
            unique=True,
            partialFilterExpression={"command.id": {"$exists": True}},
        )
        for name, keys in READ_INDEXES:
            await log.create_index(_ascending(keys), name=name)
        await self.raise_counter()

    async def raise_counter(self) -> None:
        """Bring the counter up to the log's head, behind which a failover or a restore may have put it."""
        head = await self.head()
        await self.counters.update_one({"_id": "log"}, {"$max": {"head": head}}, upsert=True)

    async def head(self) -> int:
        """The highest position in the log, 0 where it is empty."""
        last = await self.log.find_one({}, {"_id": 1}, sort=[("_id", -1)])
        position: int = last["_id"] if last else 0
        return position

    async def reaches(self, position: int) -> bool:
        """Whether the log has come to `position`, which somebody has seen settled.

        Looks again for a few seconds: a new primary reads behind the old one until it has its first majority.
        """
        deadline = time.monotonic() + HEAD_LAG
        while await self.head() < position:
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.1)
        return True

    async def commit_of(self, tenant: str, command_id: str) -> Document | None:
        """The stored commit of a command, None where there is none."""
        return await self.log.find_one({"tenant": tenant, "command.id": command_id})


def _ascending(keys: tuple[str, ...]) -> list[tuple[str, int]]:
    return [(key, 1) for key in keys]

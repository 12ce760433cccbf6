"""The collections of the log, with the indexes that guard it and serve its reads."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection as Container
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from pymongo import IndexModel, WriteConcern
from pymongo.errors import OperationFailure

from domain.kernel.errors import ConfigurationError
from eventstore.mongo.driver import UNAUTHORIZED, Collection, Database, Document

VERSION_GUARD = "stream_version"
COMMAND_GUARD = "command_id"
BY_CATEGORY = "by_category"
BY_MOMENT = "by_moment"
VERSION_KEYS = ("tenant", "stream", "events.version")
COMMAND_KEYS = ("tenant", "command.id")
CLAIM_KEYS = ("tenant", "claim")


class Index(NamedTuple):
    """An index of the log. Only documents with the field `requires` are in it."""

    name: str
    keys: tuple[str, ...]
    unique: bool = False
    requires: str | None = None

    @property
    def order(self) -> list[tuple[str, int]]:
        return [(key, 1) for key in self.keys]

    @property
    def options(self) -> dict[str, Any]:
        partial = {"partialFilterExpression": {self.requires: {"$exists": True}}} if self.requires else {}
        return {**({"unique": True} if self.unique else {}), **partial}

    @property
    def model(self) -> IndexModel:
        """The definition that MongoDB creates the index by."""
        return IndexModel(self.order, name=self.name, **self.options)


GUARDS = (
    Index(VERSION_GUARD, VERSION_KEYS, unique=True, requires="stream"),
    Index(COMMAND_GUARD, COMMAND_KEYS, unique=True, requires="command.id"),
    Index("claim_guard", CLAIM_KEYS, unique=True, requires="claim"),
)
READ_INDEXES = (
    Index("by_type", ("tenant", "events.type", "_id")),
    Index(BY_CATEGORY, ("tenant", "category", "_id")),
    Index("by_correlation", ("tenant", "correlation", "_id")),
    Index(BY_MOMENT, ("tenant", "at", "_id")),
    Index("by_occurrence", ("tenant", "occurred", "_id"), requires="occurred"),
    Index("by_event", ("tenant", "events.id"), requires="stream"),
)
"""Each serves a search that would read the whole log: 2 ms instead of a second at a million commits."""

INDEXES = GUARDS + READ_INDEXES

CLOCK_SKEW = timedelta(minutes=5)
"""The largest difference between the clocks of two machines, unless one of them is wrong."""

ORDERED = {"_id": "ordered_times"}
"""The note of the head when a version of nerve that keeps record times in order first opened the log."""

HEAD_LAG = 3.0
"""Seconds that the head may stay behind a position that was read before, just after a failover."""


@dataclass(frozen=True, slots=True)
class LogCollections:
    """The collections of one log.

    Writes to `counters` need not wait for a majority: the majority write of the commit that follows covers
    them, and after a failover that reverts them the log itself shows the positions that are taken.
    """

    log: Collection
    counters: Collection
    meta: Collection
    segments: Collection
    blocks: Collection

    @classmethod
    def of(cls, database: Database) -> LogCollections:
        counters = database["counters"].with_options(write_concern=WriteConcern(w=1))
        return cls(database["log"], counters, database["meta"], database["segments"], database["blocks"])

    async def prepare(self, now: datetime) -> None:
        """Create missing indexes and notes; several processes may do so at once, and again."""
        try:
            await self.log.create_indexes([index.model for index in INDEXES])
        except OperationFailure as error:
            if error.code != UNAUTHORIZED:
                raise
            await self._require_indexes()
        await self.raise_counter(now)
        if await self.ordered_after() is None:
            await self.meta.update_one(ORDERED, {"$setOnInsert": {"after": await self.head()}}, upsert=True)

    async def _require_indexes(self) -> None:
        """Check the indexes where the user may not create any: an index could make documents expire."""
        present = await self.log.index_information()
        missing = [index.name for index in INDEXES if index.name not in present]
        if missing:
            raise ConfigurationError(
                f"the log has no index {missing[0]!r}, and the MongoDB user may not create one;"
                " run `nerve secure` once with this version of nerve"
            )

    async def raise_counter(self, now: datetime) -> None:
        """Raise the counter to the log's head: a failover or a restore may have put it behind."""
        end: Document = {"head": await self.head()}
        if (latest := await self.last_time(now)) is not None:
            end["time"] = latest
        await self.counters.update_one({"_id": "log"}, {"$max": end}, upsert=True)

    async def ordered_after(self) -> int | None:
        """Return the position after which record times are in order; None: no version kept them so yet."""
        stored = await self.meta.find_one(ORDERED)
        return None if stored is None else int(stored["after"])

    async def last_time(self, now: datetime) -> datetime | None:
        """Return the record time of the last commit, which bounds the next one's; None: there is no bound.

        A time far ahead of `now` is no bound: a log written before record times were kept in order may end
        with an imported one, and all later commits would get that time.
        """
        last = await self.log.find_one({"tenant": {"$exists": True}}, {"at": 1}, sort=[("_id", -1)])
        at: datetime | None = last["at"] if last else None
        return None if at is None or at - now > CLOCK_SKEW else at

    async def head(self) -> int:
        """Return the highest position in the log, 0 where it is empty."""
        last = await self.log.find_one({}, {"_id": 1}, sort=[("_id", -1)])
        position: int = last["_id"] if last else 0
        return position

    async def reaches(self, position: int) -> bool:
        """Return whether the log has come to `position`, which some process has read before.

        It reads again for a few seconds: a new primary may read older data until it has its first majority.
        """
        deadline = time.monotonic() + HEAD_LAG
        while await self.head() < position:
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.1)
        return True

    async def commit_of(self, tenant: str, command_id: str) -> Document | None:
        """Return the stored commit of a command, or None."""
        return await self.log.find_one({"tenant": tenant, "command.id": command_id})

    async def commits_of(self, tenant: str, command_ids: Container[str]) -> list[Document]:
        """Return the stored commits of these commands, without the data of their events."""
        query = {"tenant": tenant, "command.id": {"$in": list(command_ids)}}
        without = {"events.data": 0, "events.sealed": 0}
        return await self.log.find(query, without).to_list(None)

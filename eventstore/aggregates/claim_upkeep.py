"""Making the claims on unique values from the stored events, and releasing those that are not needed."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass, field
from typing import NamedTuple

from domain.dispatch.unique_values import UniqueValues
from eventstore.aggregates.claims import REBUILT, Claims
from eventstore.mongo.driver import Database, unavailable_if_down
from eventstore.mongo.log_collections import BY_CATEGORY

logger = logging.getLogger(__name__)

NOTE = {"_id": "claims"}
"""The note of the unique values whose claims the database has."""


class Duplicate(NamedTuple):
    """A stream with a unique value that another stream of its tenant has too."""

    tenant: str
    stream: str
    field: str


@dataclass(slots=True)
class RebuildReport:
    """The streams whose values were claimed, the claims that were released, and what was found twice."""

    streams: int = 0
    released: int = 0
    duplicates: list[Duplicate] = field(default_factory=list)


class ClaimUpkeep:
    """Keeps the claims of one database in step with its log. Every method raises Unavailable."""

    def __init__(self, database: Database, claims: Claims, unique: UniqueValues) -> None:
        self._commits = database["log"]
        self._meta = database["meta"]
        self._claims = claims
        self._unique = unique

    async def open(self) -> None:
        """Claim the values of stored streams that were declared as unique since the last start."""
        if not self._unique.contexts:
            return
        await self._claims.open()
        with unavailable_if_down():
            note = await self._meta.find_one(NOTE) or {"fields": []}
        if new := self._fields() - set(note["fields"]):
            report = await self.rebuild({name.partition(".")[0] for name in new})
            for tenant, stream, name in report.duplicates:
                logger.warning("tenant %s: another stream has the same %s as %s", tenant, name, stream)

    async def rebuild(
        self,
        categories: Collection[str] | None = None,
        progress: Callable[[RebuildReport], None] = lambda report: None,
    ) -> RebuildReport:
        """Claim the values of all stored streams of the categories, and release claims that do not count.

        Commands may be stored at the same time. `progress` is called after each stream.
        """
        wanted = set(self._unique.contexts if categories is None else categories)
        report = RebuildReport()
        async for tenant, stream in self._streams(wanted):
            taken = await self._unique.reclaim(tenant, stream, REBUILT)
            report.duplicates += [Duplicate(tenant, stream, error.field) for error in taken]
            report.streams += 1
            progress(report)
        async for claim in self._claims.all():
            if claim.category in wanted:
                report.released += await self._unique.release_if_unused(claim)
        fields = sorted(name for name in self._fields() if name.partition(".")[0] in wanted)
        with unavailable_if_down():
            await self._meta.update_one(NOTE, {"$addToSet": {"fields": {"$each": fields}}}, upsert=True)
        return report

    async def release_stream(self, tenant: str, stream: str) -> None:
        """Release the claims on values that the stream does not have any more, as after an erasure."""
        if self._unique.contexts:
            for claim in await self._claims.of_stream(tenant, stream):
                if claim.category in self._unique.contexts:
                    await self._unique.release_if_unused(claim)

    def _fields(self) -> set[str]:
        contexts = self._unique.contexts.items()
        return {f"{category}.{unique.field}" for category, context in contexts for unique in context.unique}

    async def _streams(self, categories: Collection[str]) -> AsyncIterator[tuple[str, str]]:
        """Yield tenant and id of each stored stream of the categories."""
        with unavailable_if_down():
            for tenant in await self._commits.distinct("tenant"):
                first = {"tenant": tenant, "category": {"$in": list(categories)}, "events.version": 1}
                # Without the hint the planner may choose an index that reads all of a tenant.
                async for commit in self._commits.find(first, {"stream": 1}).hint(BY_CATEGORY):
                    yield tenant, commit["stream"]

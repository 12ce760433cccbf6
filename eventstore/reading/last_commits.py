"""The first and the last commit of a tenant in some categories."""

from __future__ import annotations

from collections.abc import Collection

from eventstore.mongo.driver import Database, unavailable_if_down
from eventstore.mongo.log_collections import BY_CATEGORY, LogCollections
from eventstore.mongo.reads import find


class LastCommits:
    """Reads where the first and last commits of categories are, from an index alone."""

    def __init__(self, database: Database) -> None:
        self._log = LogCollections.of(database).log

    async def read(self, tenant: str, categories: Collection[str]) -> int:
        """Return the position of the tenant's last commit of these categories, 0 if there is none.

        Positions before it may still be open. Raises Unavailable.
        """
        return await self._end(tenant, categories, -1)

    async def read_first(self, tenant: str, categories: Collection[str]) -> int:
        """Return the position of the tenant's first commit of these categories, 0 if there is none.

        Raises Unavailable.
        """
        return await self._end(tenant, categories, 1)

    async def _end(self, tenant: str, categories: Collection[str], direction: int) -> int:
        wanted = {"tenant": tenant, "category": {"$in": sorted(categories)}}
        commits = find(self._log, wanted, {"_id": 1}).sort([("_id", direction)]).limit(1)
        with unavailable_if_down():
            # Without the hint the planner may choose the index of positions, and read the whole log.
            documents = await commits.hint(BY_CATEGORY).to_list(None)
        return documents[0]["_id"] if documents else 0

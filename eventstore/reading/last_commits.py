"""The first and the last commit of a tenant in some categories."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from eventstore.lru import LruCache
from eventstore.mongo.direct_connection import DirectConnection, ReplyLost, encode_command
from eventstore.mongo.driver import Database, unavailable_if_down
from eventstore.mongo.log_collections import BY_CATEGORY, LogCollections
from eventstore.mongo.reads import find

KEPT_MESSAGES = 1_000
"""Encoded commands that are kept."""


class LastCommits:
    """Reads where the first and last commits of categories are, from an index alone.

    The last ones are read over the `direct` connection while it is open.
    """

    def __init__(self, database: Database, direct: DirectConnection | None = None) -> None:
        self._log = LogCollections.of(database).log
        self._database = database.name
        self._direct = direct
        self._messages: LruCache[tuple[str, frozenset[str]], bytes] = LruCache(KEPT_MESSAGES)

    async def read(self, tenant: str, categories: Collection[str]) -> int:
        """Return the position of the tenant's last commit of these categories, 0 if there is none.

        Positions before it may still be open. Raises Unavailable.
        """
        documents = await self._read_directly(tenant, frozenset(categories))
        if documents is None:
            return await self._end(tenant, categories, -1)
        return _position(documents)

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
        return _position(documents)

    async def _read_directly(
        self, tenant: str, categories: frozenset[str]
    ) -> Sequence[Mapping[str, Any]] | None:
        """Return what `read` finds; None where the driver has to read it."""
        if self._direct is None:
            return None
        reply = self._direct.send(self._message(tenant, categories))
        if reply is None:
            return None
        try:
            result = await reply
        except ReplyLost:
            return None
        return result["cursor"]["firstBatch"] if result["ok"] == 1 else None

    def _message(self, tenant: str, categories: frozenset[str]) -> bytes:
        """Return the command by which `read` finds the last commit."""
        message = self._messages.get((tenant, categories))
        if message is None:
            command = {
                "find": self._log.name,
                "filter": {"tenant": tenant, "category": {"$in": sorted(categories)}},
                "projection": {"_id": 1},
                "sort": {"_id": -1},
                "limit": 1,
                "singleBatch": True,
                "hint": BY_CATEGORY,
                "readConcern": {"level": "majority"},
            }
            message = encode_command(self._database, command)
            self._messages.put((tenant, categories), message)
        return message


def _position(documents: Sequence[Mapping[str, Any]]) -> int:
    return documents[0]["_id"] if documents else 0

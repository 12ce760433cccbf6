"""Reads of nerve's own view collections with motor, by the queries that nerve makes: for peers and limits."""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase

Document = Mapping[str, Any]

_LISTED = {"_tenant": "default", "_gone": False}


def cursor_of_id(id: str) -> str:
    """Return the cursor of a row, as peers have it."""
    return b64encode(id.encode()).decode()


def id_of_cursor(cursor: str) -> str:
    """Return the id of the row at a peer's cursor."""
    return b64decode(cursor).decode()


def open_database() -> AsyncIOMotorDatabase[dict[str, Any]]:
    """Return the database that the environment names, with the guarantees of nerve's reads and writes."""
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(
        os.environ["NERVE_MONGO_URL"],
        w="majority",
        journal=True,
        readConcernLevel="majority",
        tz_aware=True,
        tzinfo=UTC,
    )
    return client[os.environ["NERVE_DATABASE"]]


class RowStore:
    """Reads rows, reduced to some fields for each view."""

    def __init__(self, database: AsyncIOMotorDatabase[dict[str, Any]], **fields: Sequence[str]) -> None:
        self._rows = {view: database[f"view_{view}_1"] for view in fields}
        self._shown = {view: dict.fromkeys(names, 1) for view, names in fields.items()}

    async def workflow(self, id: str) -> Document | None:
        """Return the workflow of this id."""
        found = await self._rows["workflows"].find_one(
            {"_id": f"default/{id}"}, {**self._shown["workflows"], "_gone": 1}
        )
        return None if found is None or found["_gone"] else found

    async def workflows(self, size: int, after: str | None) -> list[Document]:
        """Return as many workflows in the order of their ids, those after an id if one is given."""
        query = _LISTED if after is None else {**_LISTED, "id": {"$gt": after}}
        found = self._rows["workflows"].find(query, self._shown["workflows"]).sort([("id", 1)])
        return [*await found.limit(size).to_list(None)]

    async def tasks_of(self, workflows: Sequence[str]) -> list[Document]:
        """Return the tasks of some workflows in the order of their ids."""
        query = {**_LISTED, "workflow_id": {"$in": workflows}}
        found = self._rows["tasks"].find(query, self._shown["tasks"])
        return [*await found.sort([("workflow_id", 1), ("id", 1)]).to_list(None)]

    async def agents(self, ids: Sequence[str]) -> list[Document]:
        """Return the agents of some ids, in any order."""
        keys = [f"default/{agent}" for agent in ids]
        query = {"_id": {"$in": keys}, "_gone": False}
        return [*await self._rows["agents"].find(query, self._shown["agents"]).to_list(None)]

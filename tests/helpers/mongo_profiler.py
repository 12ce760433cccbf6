"""What mongod is asked and what it reads, by its own profiler."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.helpers.commits import Store


@asynccontextmanager
async def commands(store: Store) -> AsyncIterator[Counter[str]]:
    """What mongod is asked meanwhile, by command and collection, as its own profiler counts it."""
    counts: Counter[str] = Counter()
    await store.database.command({"profile": 2})
    yield counts
    await store.database.command({"profile": 0})
    for asked in await store.database["system.profile"].find({}).to_list(None):
        collection = asked["ns"].removeprefix(f"{store.database.name}.")
        if collection in ("log", "counters", "claims"):
            counts[f"{next(iter(asked['command']))} {collection}"] += 1


@asynccontextmanager
async def documents_read(store: Store) -> AsyncIterator[list[int]]:
    """How many documents of the log each query reads meanwhile, by mongod's own profiler."""
    counts: list[int] = []
    await store.database.command({"profile": 2})
    yield counts
    await store.database.command({"profile": 0})
    queries = store.database["system.profile"].find({"op": "query", "ns": f"{store.database.name}.log"})
    counts += [query["docsExamined"] for query in await queries.to_list(None)]
    await store.database["system.profile"].drop()

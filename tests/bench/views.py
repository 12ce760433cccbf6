"""Building views anew from a long log, beside a bare scan of it and a projector that writes once an event."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import uuid4

from api.lifecycle import open_runtime
from api.runtime import Runtime
from eventstore.commit_documents import to_commit
from eventstore.mongo.driver import Collection, Database, open_client
from eventstore.mongo.log_collections import LogCollections
from projections.kernel.view import View
from projections.storage.rows import row_key
from projections.views import tasks
from subscriptions.consumers.state import GenerationState
from tests.bench.data import settings
from tests.bench.harness import Benchmark, Contender, Contest, Figure
from tests.bench.log_filler import LogFiller
from tests.bench.machine import Machine, on_subject_core
from tests.helpers.process_log import CATALOG, activities, commits, of_tenant

COPIES = int(os.environ.get("BENCH_COPIES", "4"))
"""How often the process log is in the log, each time as another tenant's."""

PAGE = 2_000
SAMPLE = 3_000
"""Commits in a turn of the projector that writes once an event, which would take minutes for all."""

VIEWS = ("agents", "tasks", "workflows")
LOOK = 0.02
PATIENCE = 1_800.0


async def fill(database: Database) -> None:
    """The process log as its import would have stored it, again and again."""
    once, filler = list(commits(activities())), LogFiller(LogCollections.of(database).log)
    for copy in range(COPIES):
        await filler.fill(of_tenant(commit, f"copy-{copy}") for commit in once)


class Rebuilding:
    """A worker in this process, asked for rebuilds."""

    def __init__(self, nerve: Runtime, head: int) -> None:
        self._nerve = nerve
        self._head = head

    async def first(self) -> None:
        """Until all views are there."""
        for name in VIEWS:
            await self._nerve.readers[name].wait_for(self._head, PATIENCE)

    async def turn(self) -> Figure:
        """Positions of the log a second, until the new rows are the ones that are read."""
        return Figure(self._head / await self._seconds(["tasks"]))

    async def together(self) -> Figure:
        return Figure(await self._seconds(VIEWS))

    async def one_by_one(self) -> Figure:
        return Figure(sum([await self._seconds([name]) for name in VIEWS]))

    async def _seconds(self, names: Sequence[str]) -> float:
        begun = time.perf_counter()
        numbers = [await self._nerve.rebuilds.begin(name) for name in names]
        async with asyncio.timeout(PATIENCE):
            while await self._active(names) != numbers:
                await asyncio.sleep(LOOK)
        return time.perf_counter() - begun

    async def _active(self, names: Sequence[str]) -> list[int]:
        found = [
            status.of_state(GenerationState.ACTIVE) for status in await self._nerve.rebuilds.status(names)
        ]
        return [0 if generation is None else generation.number for generation in found]


class Bare:
    """motor alone, on the log of another."""

    def __init__(self, log: Collection, rows: Collection) -> None:
        self._log = log
        self._rows = rows

    async def scan(self) -> Figure:
        """Read and decode the log, and do nothing with it."""
        begun, after = time.perf_counter(), 0
        while page := await self._page(after):
            after = page[-1]["_id"]
        return Figure(after / (time.perf_counter() - begun))

    async def once_an_event(self) -> Figure:
        """The same fold, with its rows in memory; each event that touches a row writes that."""
        await self._rows.drop()
        begun, after = time.perf_counter(), 0
        view: View[Any] = tasks.view
        rows: dict[str, Any] = {}
        while after < SAMPLE:
            for document in await self._page(after):
                commit = to_commit(document, CATALOG)
                after = commit.position
                for event in commit.events if document["category"] in view.categories else ():
                    for row_id in view.key(event):
                        key = row_key(document["tenant"], row_id)
                        rows[key] = view.apply(row_id, rows.get(key), event)
                        await self._rows.update_one({"_id": key}, {"$set": {**rows[key]}}, upsert=True)
        return Figure(after / (time.perf_counter() - begun))

    async def _page(self, after: int) -> list[dict[str, Any]]:
        found = self._log.find({"_id": {"$gt": after}}).sort([("_id", 1)])
        return await found.limit(min(PAGE, SAMPLE)).to_list(None)


@asynccontextmanager
async def _rebuilding(machine: Machine) -> AsyncIterator[tuple[Rebuilding, Bare]]:
    name = f"rebuild_{uuid4().hex}"
    async with AsyncExitStack() as stack:
        stack.enter_context(on_subject_core())
        client = await stack.enter_async_context(open_client(machine.mongo_url))
        stack.push_async_callback(client.drop_database, name)
        await fill(client[name])
        quick = settings(machine, name).model_copy(update={"poll_interval": 0.1})
        nerve = await stack.enter_async_context(open_runtime(quick, worker=True))
        rebuilding = Rebuilding(nerve, await nerve.log.head())
        await rebuilding.first()
        yield rebuilding, Bare(client[name]["log"], client[name]["peer"])


@asynccontextmanager
async def _one(machine: Machine) -> AsyncIterator[Contest]:
    async with _rebuilding(machine) as (rebuilding, bare):
        yield Contest(
            Contender("one view of a worker, until it is read", rebuilding.turn),
            Contender("motor find, decoded", bare.scan),
            (Contender("a projector that writes once an event", bare.once_an_event),),
        )


@asynccontextmanager
async def _all(machine: Machine) -> AsyncIterator[Contest]:
    async with _rebuilding(machine) as (rebuilding, _):
        yield Contest(
            Contender(f"{len(VIEWS)} views of a worker at once", rebuilding.together),
            Contender("the same, one after another", rebuilding.one_by_one),
        )


BENCHMARKS = (
    Benchmark("view.rebuild", "commits/s", f"a process log {COPIES} times, one view anew", _one),
    Benchmark("view.rebuildall", "s", f"a process log {COPIES} times, all its views anew", _all),
)

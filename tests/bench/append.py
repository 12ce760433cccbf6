"""Appends to the log: many callers at once, and one alone, beside bare motor on the same mongod."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count, islice

import bson

from api.ids import now
from domain.dispatch.ports import NewCommit
from domain.kernel import Catalog, Event
from domain.kernel.event import NewEvent
from eventstore.commit_documents import encode_commit
from eventstore.log import EventLog
from eventstore.mongo.driver import Client, Collection, Document, open_client
from eventstore.mongo.log_collections import LogCollections
from tests.bench.callers import median_latency, per_second
from tests.bench.harness import Benchmark, Contender, Contest, Figure
from tests.bench.machine import Machine, on_subject_core

CALLERS = 64
STREAMS = 1_000

GROUPED = 100 * CALLERS
"""Commits in a turn of those that write many at once."""
SINGLE = 30 * CALLERS
"""Commits in a turn of those that write each by itself, with many callers."""
ALONE = 400
"""Commits in a turn of one caller that awaits each."""


class Measured(Event, type="bench.measured"):
    """An event of the size of a small task's."""

    title: str
    description: str
    priority: int


class Source:
    """Commits of one event each, round-robin over the streams, each at the version its stream will have."""

    def __init__(self) -> None:
        self._numbers = count()
        self._event = Measured(
            title="Check the invoice", description="Compare each line with the order. " * 4, priority=2
        )

    def commits(self, wanted: int) -> list[NewCommit]:
        """The next ones, made before the clock runs."""
        return [self._commit(number) for number in islice(self._numbers, wanted)]

    def documents(self, wanted: int) -> list[Document]:
        """The next ones as the log stores them, at the positions they would have."""
        first = next(self._numbers)
        commits = [self._commit(number) for number in (first, *islice(self._numbers, wanted - 1))]
        return [
            {"_id": place, **bson.decode(encode_commit(commit))}
            for place, commit in enumerate(commits, first + 1)
        ]

    def _commit(self, number: int) -> NewCommit:
        return NewCommit(
            tenant="default",
            stream=f"bench-{number % STREAMS}",
            category="bench",
            expected=number // STREAMS,
            events=(NewEvent(f"evt-{number}", self._event),),
            command_id=f"cmd-{number}",
            command="Measure",
            correlation=f"cmd-{number}",
            causation=None,
            actor="bench",
            source=None,
            at=now(),
            occurred=None,
        )


class Bare:
    """motor alone, on a collection with the log's own indexes; who uses it chooses the positions itself."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._source = Source()

    async def batches(self) -> Figure:
        documents = self._source.documents(GROUPED)
        batches = [documents[start : start + CALLERS] for start in range(0, GROUPED, CALLERS)]
        return Figure(CALLERS * await per_second(1, batches, self._insert_many))

    async def singles(self) -> Figure:
        documents = self._source.documents(SINGLE)
        return Figure(await per_second(CALLERS, documents, self._collection.insert_one))

    async def one_by_one(self) -> Figure:
        documents = self._source.documents(ALONE)
        return Figure(await per_second(1, documents, self._collection.insert_one))

    async def latency(self) -> Figure:
        documents = self._source.documents(ALONE)
        return Figure(await median_latency(documents, self._collection.insert_one))

    async def _insert_many(self, documents: list[Document]) -> None:
        await self._collection.insert_many(documents, ordered=False)


async def _bare(client: Client, name: str) -> Bare:
    collections = LogCollections.of(client[name])
    await collections.prepare(now())
    return Bare(collections.log)


@asynccontextmanager
async def open_log(machine: Machine, name: str) -> AsyncIterator[tuple[EventLog, Client]]:
    """A log of its own in this process, and a client for those it is compared with."""
    async with AsyncExitStack() as stack:
        stack.enter_context(on_subject_core())
        client = await stack.enter_async_context(open_client(machine.mongo_url))
        log = EventLog(client[name], Catalog(()), clock=now, announce=lambda position: None, fence_after=1.0)
        await log.open()
        stack.push_async_callback(log.close)
        yield log, client


@asynccontextmanager
async def _grouped(machine: Machine) -> AsyncIterator[Contest]:
    async with open_log(machine, "grouped_nerve") as (log, client):
        source = Source()

        async def turn() -> Figure:
            return Figure(await per_second(CALLERS, source.commits(GROUPED), log.append))

        bare = {name: await _bare(client, f"grouped_{name}") for name in ("batches", "singles", "alone")}
        yield Contest(
            Contender(f"EventLog.append, {CALLERS} callers", turn),
            Contender(f"motor insert_many of {CALLERS}, one batch after another", bare["batches"].batches),
            (
                Contender(f"motor insert_one, {CALLERS} callers", bare["singles"].singles),
                Contender("motor insert_one, one after another", bare["alone"].one_by_one),
            ),
        )


@asynccontextmanager
async def _latency(machine: Machine) -> AsyncIterator[Contest]:
    async with open_log(machine, "latency_nerve") as (log, client):
        source = Source()

        async def turn() -> Figure:
            return Figure(await median_latency(source.commits(ALONE), log.append))

        bare = await _bare(client, "latency_bare")
        yield Contest(
            Contender("EventLog.append, 1 caller", turn),
            Contender("motor insert_one, 1 caller", bare.latency),
        )


BENCHMARKS = (
    Benchmark("append.grouped", "commits/s", "commits of one event, journaled by a majority", _grouped),
    Benchmark("append.latency", "ms", "median of one such commit", _latency),
)

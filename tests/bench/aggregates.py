"""Loading an aggregate that is not in memory: with a million events, and with ten."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import ClassVar

from api.ids import now
from domain.dispatch.ports import NewCommit
from domain.kernel import Aggregate, Catalog, ChangeCommand, Context, Event, Facts
from domain.kernel.event import NewEvent
from eventstore.aggregates.rebuilder import AggregateRebuilder
from eventstore.aggregates.repository import AggregateRepository
from eventstore.aggregates.snapshots import Snapshots
from eventstore.log import EventLog
from eventstore.mongo.driver import open_client
from eventstore.mongo.log_collections import LogCollections
from tests.bench.callers import median_latency
from tests.bench.harness import Benchmark, Contender, Contest, Figure
from tests.bench.log_filler import LogFiller
from tests.bench.machine import Machine, on_subject_core

LONG, SHORT = 1_000_000, 10
"""Events of the two streams."""

EVERY = 50
"""Events between two snapshots: as the settings have it. The long stream is just before its next one."""

BIG = 1_000
"""Events in a commit of those that make a stream long; its last ones are in commits of their own."""

LOADS = 200
"""Loads in a turn."""


class Counted(Event, type="bench.counted"):
    """Something was counted."""

    by: int


class Count(ChangeCommand):
    """Changes nothing; a context has a command."""


@dataclass(frozen=True, slots=True)
class Counter(Aggregate[Count, Counted]):
    """A sum."""

    category: ClassVar[str] = "bench"
    sum: int = 0

    def decide(self, command: Count, facts: Facts) -> Sequence[Counted]:
        return ()

    def evolve(self, event: Counted) -> Counter:
        return Counter(self.sum + event.by)


CATALOG = Catalog([Context("bench", Counter)])


def commits(stream: str, start: int, end: int, size: int) -> Iterator[NewCommit]:
    """Commits of `size` events that lead the stream from the version `start` to `end`."""
    for version in range(start, end, size):
        upto = min(version + size, end)
        events = tuple(
            NewEvent(f"{stream}-{number}", Counted(by=number % 7)) for number in range(version, upto)
        )
        yield NewCommit(
            tenant="default",
            stream=stream,
            category="bench",
            expected=version,
            events=events,
            command_id=f"{stream}-{version}",
            command="Count",
            correlation=stream,
            causation=None,
            actor=None,
            source=None,
            at=now(),
            occurred=None,
        )


class Loads:
    """Loads by repositories that have not seen the stream before."""

    def __init__(self, log: EventLog, rebuilder: AggregateRebuilder, stream: str, version: int) -> None:
        self._log = log
        self._rebuilder = rebuilder
        self._stream = stream
        self._version = version

    async def once(self, _: object = None) -> None:
        aggregates = AggregateRepository(self._log, self._rebuilder)
        loaded = await aggregates.load("default", self._stream, Counter)
        assert loaded.version == self._version

    async def turn(self) -> Figure:
        return Figure(await median_latency(range(LOADS), self.once))


@asynccontextmanager
async def _load(machine: Machine) -> AsyncIterator[Contest]:
    async with AsyncExitStack() as stack:
        stack.enter_context(on_subject_core())
        client = await stack.enter_async_context(open_client(machine.mongo_url))
        database = client["aggregates"]
        await LogCollections.of(database).prepare(now())
        filler, snapshot = LogFiller(database["log"], batch=EVERY), LONG - EVERY + 1
        await filler.fill(commits("bench-short", 0, SHORT, 1))
        await filler.fill(commits("bench-long", 0, snapshot - EVERY, BIG))
        await filler.fill(commits("bench-long", snapshot - EVERY, snapshot, 1))
        log = EventLog(database, CATALOG, clock=now, announce=lambda position: None, fence_after=1.0)
        rebuilder = AggregateRebuilder(log, Snapshots(database, CATALOG), EVERY)
        stack.push_async_callback(rebuilder.close)
        await Loads(log, rebuilder, "bench-long", snapshot).once()
        while rebuilder.waiting:
            await asyncio.sleep(0.01)
        await filler.fill(commits("bench-long", snapshot, LONG, 1))
        yield Contest(
            Contender(f"load of {LONG:,} events", Loads(log, rebuilder, "bench-long", LONG).turn),
            Contender(f"load of {SHORT} events", Loads(log, rebuilder, "bench-short", SHORT).turn),
        )


BENCHMARKS = (Benchmark("aggregate.load", "ms", "median of one load of what no cache holds", _load),)

"""A live query while rows change: its cost with few and with many subscribers, and when all have the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple
from uuid import uuid4

from pydantic import SecretStr

from api.access.callers import UNRESTRICTED
from api.graphql.execution.executor import Executor
from api.graphql.execution.operation_request import OperationRequest
from api.graphql.execution.request_context import RequestContext
from api.graphql.execution.subscription_opener import SubscriptionOpener
from api.graphql.schema import build_schema
from api.lifecycle import open_runtime
from api.runtime import Runtime
from api.settings import Settings
from domain.kernel import Envelope
from domain.tasks.commands import CreateTask
from domain.tasks.events import Priority
from subscriptions.live.sinks import Chunk
from tests.bench.data import PATIENCE, settings
from tests.bench.harness import Benchmark, Contender, Contest, Figure
from tests.bench.machine import Machine

SUBSCRIBERS = (500, 50, 1)
CHANGES_PER_SECOND = 100
SECONDS = 2.0
APP = "live-query"
"""The name of the subscribed server in MongoDB's profile."""

SELECTION = """{
  latest: tasks(orderBy: [{ field: CREATED_AT, direction: DESC }], first: 20) {
    nodes { id title status agent { name } } totalCount
  }
  urgent: tasks(filter: { priority: { eq: HIGH } }) { totalCount }
}"""
DOCUMENT = f"subscription {{ live {{ position query {SELECTION} }} }}"


class Turn(NamedTuple):
    """Executions and commands to MongoDB in a second, and milliseconds until all had the final result.

    They count from when the view contains the last change.
    """

    executions: float
    commands: float
    final: float


class LastResult:
    """A subscriber, which keeps its last result."""

    def __init__(self) -> None:
        self.result = b""

    def deliver(self, chunk: Chunk[bytes]) -> None:
        self.result = chunk.results[-1]

    def end(self, errors: Sequence[dict[str, Any]] | None = None) -> None:
        raise RuntimeError(f"a live query ended: {errors}")


@dataclass(frozen=True, slots=True)
class LiveQueryTrial:
    """Subscribers of one live query in a server of their own; `writer` has the worker and the commands."""

    writer: Runtime
    server: Runtime
    sinks: Sequence[LastResult]
    numbers: Iterator[int]

    async def turn(self) -> Turn:
        """Create tasks at a steady rate, and wait until all subscribers have counted the last."""
        profiled, stats = self.writer.database, self.server.live_queries.stats
        await profiled.command({"profile": 0})
        await profiled["system.profile"].drop()
        await profiled.command({"profile": 1, "filter": {"appName": APP}})
        executions, begun = stats.executions, time.perf_counter()
        for number in range(round(SECONDS * CHANGES_PER_SECOND)):
            await asyncio.sleep(max(0.0, begun + number / CHANGES_PER_SECOND - time.perf_counter()))
            last = await self._create(next(self.numbers))
        await self.writer.readers["tasks"].wait_for(await self.writer.log.head(), PATIENCE)
        projected = time.perf_counter()
        async with asyncio.timeout(PATIENCE):
            while not all(last in sink.result for sink in self.sinks):
                await asyncio.sleep(0.001)
        ended = time.perf_counter()
        commands = await profiled["system.profile"].count_documents({})
        await profiled.command({"profile": 0})
        elapsed = ended - begun
        return Turn((stats.executions - executions) / elapsed, commands / elapsed, 1e3 * (ended - projected))

    async def _create(self, number: int) -> bytes:
        """Create a task, and return the title by which results show it."""
        title = f"Task {number}."
        await self.writer.bus.dispatch(Envelope(CreateTask(title=title, priority=Priority.HIGH)))
        return title.encode()


@asynccontextmanager
async def _trial(machine: Machine, subscribers: int) -> AsyncIterator[LiveQueryTrial]:
    plain = settings(machine, f"live_query_{uuid4().hex}")
    async with AsyncExitStack() as stack:
        writer = await stack.enter_async_context(open_runtime(plain, worker=True))
        named = Settings(
            mongo_url=SecretStr(f"{machine.mongo_url}&appName={APP}"),
            redis_url=plain.redis_url,
            database=plain.database,
        )
        server = await stack.enter_async_context(open_runtime(named))
        executor = Executor(build_schema(server.catalog, server.views))
        opener, context = SubscriptionOpener(executor), RequestContext(server, UNRESTRICTED, {})
        prepared, sinks = (
            executor.prepare(OperationRequest(DOCUMENT)),
            [LastResult() for _ in range(subscribers)],
        )
        for sink in sinks:
            stack.callback(opener.open(prepared, context, sink).close)
        async with asyncio.timeout(PATIENCE):
            while not all(sink.result for sink in sinks):
                await asyncio.sleep(0.01)
        yield LiveQueryTrial(writer, server, sinks, count())


@dataclass(frozen=True, slots=True)
class LiveQueryContest:
    """The same query with many subscribers, and with few. `value` is what of a turn is compared."""

    value: Callable[[Turn], float]

    @asynccontextmanager
    async def contest(self, machine: Machine) -> AsyncIterator[Contest]:
        async with AsyncExitStack() as stack:
            many, some, one = [
                self._contender(subscribers, await stack.enter_async_context(_trial(machine, subscribers)))
                for subscribers in SUBSCRIBERS
            ]
            yield Contest(many, one, (some,))

    def _contender(self, subscribers: int, trial: LiveQueryTrial) -> Contender:
        async def turn() -> Figure:
            return Figure(self.value(await trial.turn()))

        return Contender(f"subscribers of one live query: {subscribers}", turn)


def _benchmark(name: str, unit: str, about: str, value: Callable[[Turn], float]) -> Benchmark:
    rate = f"while {CHANGES_PER_SECOND} rows a second change"
    return Benchmark(f"live.query{name}", unit, f"{about} {rate}", LiveQueryContest(value).contest)


BENCHMARKS = (
    _benchmark(
        "", "ms", "from the last change in the view until all have the final result,", lambda t: t.final
    ),
    _benchmark(
        ".executions", "executions/s", "executions of an ordered top 20 with counts", lambda t: t.executions
    ),
    _benchmark(
        ".commands",
        "commands/s",
        "commands to MongoDB for an ordered top 20 with counts",
        lambda t: t.commands,
    ),
)

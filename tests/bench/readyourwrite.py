"""Reading what one has just written: how long a client waits until the view has it, at low load."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from statistics import median
from typing import Any
from uuid import uuid4

import httpx
import orjson

from api.lifecycle import open_runtime
from api.runtime import Runtime
from domain.kernel import Envelope
from domain.workflows.commands import StartWorkflow
from projections.querying.row_scope import RowScope
from tests.bench.data import PATIENCE, settings
from tests.bench.harness import Benchmark, Contender, Contest, Figure, Turn
from tests.bench.machine import Machine, on_subject_core

WRITES = 40
"""Writes in a turn, one after another."""

MUTATION = """mutation ($wait: Await!) { startWorkflow(input: {name: "Invoice"}, await: $wait) {
  workflow { id name } receipt { stream position } } }"""
READ = """query ($id: ID!, $position: Position) { workflow(id: $id, atLeast: $position) { id name } }"""


class Bus:
    """Commands in this process, and the view that a worker process keeps up to date."""

    def __init__(self, nerve: Runtime) -> None:
        self._nerve = nerve
        self._reader = nerve.readers["workflows"]

    async def stored(self) -> tuple[str, int]:
        """Until the log has the command's events: the stream, and the position."""
        receipt = await self._nerve.bus.dispatch(Envelope(StartWorkflow(name="Invoice")))
        return receipt.stream, receipt.position

    async def projected(self) -> None:
        """Until the view has them too, and the row is read."""
        stream, position = await self.stored()
        _check(await self._reader.get_at_least(RowScope("default"), stream, position, PATIENCE))

    async def settle(self) -> None:
        """Wait until no view has anything left to do: each write finds the machine at rest."""
        head = await self._nerve.log.head()
        for reader in self._nerve.readers.values():
            await reader.wait_for(head, PATIENCE)


class Api:
    """The same over HTTP."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def stored(self) -> dict[str, Any]:
        """The answer to the mutation that awaits STORED."""
        return await self._mutate("STORED")

    async def projected(self) -> None:
        """The mutation that awaits PROJECTED."""
        _check((await self._mutate("PROJECTED"))["workflow"])

    async def read_at_least(self) -> None:
        """The mutation that awaits STORED, and a query that wants what it wrote."""
        receipt = (await self.stored())["receipt"]
        asked = {"id": receipt["stream"], "position": receipt["position"]}
        _check((await self._ask(READ, asked))["workflow"])

    async def _mutate(self, wait: str) -> dict[str, Any]:
        answer: dict[str, Any] = (await self._ask(MUTATION, {"wait": wait}))["startWorkflow"]
        return answer

    async def _ask(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        content = orjson.dumps({"query": query, "variables": variables})
        answer = orjson.loads((await self._http.post("/graphql", content=content)).content)
        if "errors" in answer:
            raise RuntimeError(f"an operation failed: {answer['errors']}")
        data: dict[str, Any] = answer["data"]
        return data


def _check(row: Mapping[str, Any] | None) -> None:
    if row is None or row["name"] != "Invoice":
        raise RuntimeError(f"a write was answered with {row}")


def _turn(act: Callable[[], Awaitable[object]], settle: Callable[[], Awaitable[None]]) -> Turn:
    async def turn() -> Figure:
        took = []
        for _ in range(WRITES):
            await settle()
            start = time.perf_counter()
            await act()
            took.append(time.perf_counter() - start)
        return Figure(median(took) * 1e3)

    return turn


@asynccontextmanager
async def _read_your_write(machine: Machine) -> AsyncIterator[Contest]:
    database = f"readyourwrite_{uuid4().hex}"
    async with AsyncExitStack() as stack:
        environment = machine.settings(database)
        stack.enter_context(machine.working(environment))
        port = stack.enter_context(machine.serving("nerve", environment))
        http = await stack.enter_async_context(
            httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{port}",
                headers={"content-type": "application/json"},
                timeout=PATIENCE,
            )
        )
        stack.enter_context(on_subject_core())
        bus = Bus(await stack.enter_async_context(open_runtime(settings(machine, database))))
        api = Api(http)

        def contender(name: str, act: Callable[[], Awaitable[object]]) -> Contender:
            return Contender(name, _turn(act, bus.settle))

        yield Contest(
            contender("CommandBus, until the view has it", bus.projected),
            contender("CommandBus, until it is stored", bus.stored),
            (
                contender("mutation over HTTP, await: PROJECTED", api.projected),
                contender("mutation over HTTP, then a query atLeast", api.read_at_least),
                contender("mutation over HTTP, await: STORED", api.stored),
            ),
        )


BENCHMARKS = (
    Benchmark(
        "view.readyourwrite",
        "ms",
        "median of one write, one after another, beside a worker process",
        _read_your_write,
    ),
)

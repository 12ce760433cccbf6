"""Commands through the bus in this process, and as mutations over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from functools import partial
from itertools import cycle, repeat
from typing import Any
from uuid import uuid4

import orjson

from api.ids import new_id, now
from api.lifecycle import open_runtime
from api.runtime import Runtime
from domain.agents.commands import ChangeAgentState, RegisterAgent
from domain.agents.events import AgentState
from domain.kernel import Command, Envelope
from eventstore.mongo.driver import Collection, open_client
from eventstore.mongo.log_collections import LogCollections
from tests.bench.callers import per_second
from tests.bench.data import settings
from tests.bench.harness import Benchmark, Contender, Contest, Figure, Goal
from tests.bench.limits import COMMANDS
from tests.bench.load import load, post
from tests.bench.machine import Machine, on_subject_core

CALLERS = 64
STREAMS = 1_000
CHANGES = 4
"""Commands on each stream in a turn."""
HOT = 60 * CALLERS
"""Commands on the one hot stream in a turn, and how many of them one after another."""
HOT_ALONE = 400
SECONDS = 1.0
BUS_BEHIND_ORJSON = "its bus behind orjson on Starlette"

MUTATION = """mutation ($input: StartWorkflowInput!) {
  startWorkflow(input: $input) { receipt { commandId stream version } }
}"""


class Dispatched:
    """The bus at work, and afterwards the very documents it stored, for bare motor to insert."""

    def __init__(self, nerve: Runtime, bare: Collection, streams: int) -> None:
        self.nerve = nerve
        self._bare = bare
        self._agents = [new_id("agent") for _ in range(streams)]
        self._states = cycle((AgentState.BUSY, AgentState.IDLE))
        self._copied = 0

    async def prepare(self) -> None:
        """Begin the streams."""
        await asyncio.gather(*(self._dispatch(RegisterAgent(id=agent, name="Ada")) for agent in self._agents))

    async def through_the_bus(self, callers: int, changes: int) -> Figure:
        """So many changes of each stream's state."""
        states = [next(self._states) for _ in range(changes)]
        commands = [ChangeAgentState(id=agent, state=state) for state in states for agent in self._agents]
        return Figure(await per_second(callers, commands, self._dispatch))

    async def bare_inserts(self) -> Figure:
        log = self.nerve.database["log"]
        stored = await log.find({"_id": {"$gt": self._copied}}).sort([("_id", 1)]).to_list(None)
        self._copied = stored[-1]["_id"]
        batches = [stored[start : start + CALLERS] for start in range(0, len(stored), CALLERS)]
        batches_per_second = await per_second(1, batches, self._insert_many)
        return Figure(batches_per_second * len(stored) / len(batches))

    async def _dispatch(self, command: Command) -> None:
        await self.nerve.bus.dispatch(Envelope(command))

    async def _insert_many(self, documents: list[dict[str, Any]]) -> None:
        await self._bare.insert_many(documents, ordered=False)


@asynccontextmanager
async def open_bus(machine: Machine, streams: int) -> AsyncIterator[Dispatched]:
    name = f"bus_{uuid4().hex}"
    async with AsyncExitStack() as stack:
        stack.enter_context(on_subject_core())
        nerve = await stack.enter_async_context(open_runtime(settings(machine, name)))
        client = await stack.enter_async_context(open_client(machine.mongo_url))
        bare = LogCollections.of(client[f"{name}_bare"])
        await bare.prepare(now())
        dispatched = Dispatched(nerve, bare.log, streams)
        await dispatched.prepare()
        yield dispatched


@asynccontextmanager
async def _bus(machine: Machine) -> AsyncIterator[Contest]:
    async with open_bus(machine, STREAMS) as dispatched:
        yield Contest(
            Contender(
                f"CommandBus, {CALLERS} callers", partial(dispatched.through_the_bus, CALLERS, CHANGES)
            ),
            Contender(f"motor insert_many of the same, {CALLERS} each", dispatched.bare_inserts),
        )


@asynccontextmanager
async def _hot_stream(machine: Machine) -> AsyncIterator[Contest]:
    async with open_bus(machine, 1) as dispatched:
        yield Contest(
            Contender(f"CommandBus, {CALLERS} callers", partial(dispatched.through_the_bus, CALLERS, HOT)),
            Contender(f"motor insert_many of the same, {CALLERS} each", dispatched.bare_inserts),
            (Contender("CommandBus, one after another", partial(dispatched.through_the_bus, 1, HOT_ALONE)),),
        )


@asynccontextmanager
async def _graphql(machine: Machine) -> AsyncIterator[Contest]:
    body = {"query": MUTATION, "variables": {"input": {"name": "Invoice"}}}
    with ExitStack() as stack:

        def contender(name: str, factory: str, path: str = "/graphql") -> Contender:
            # A database for each, since every nerve tails its log.
            environment = machine.settings(f"graphql_{uuid4().hex}")
            port = stack.enter_context(machine.serving(factory, environment))
            request = post(body, path=path)

            async def turn() -> Figure:
                return await load(port, repeat(request), CALLERS, SECONDS, is_stored)

            return Contender(name, turn)

        yield Contest(
            contender(f"startWorkflow, {CALLERS} clients", "nerve"),
            contender(BUS_BEHIND_ORJSON, "tests.bench.limits:commands", COMMANDS),
            (contender("plain strawberry, an insert_one each", "tests.bench.plain:usual"),),
        )


def is_stored(body: bytes) -> bool:
    """Return whether the response says that the workflow was started."""
    answer = orjson.loads(body)
    return "errors" not in answer and answer["data"]["startWorkflow"]["receipt"]["version"] == 1


BENCHMARKS = (
    Benchmark("bus.commands", "commands/s", f"state changes of {STREAMS:,} agents", _bus),
    Benchmark("bus.hotstream", "commands/s", "state changes of one agent", _hot_stream),
    Benchmark(
        "graphql.commands",
        "mutations/s",
        "mutations over HTTP that await STORED",
        _graphql,
        (Goal(BUS_BEHIND_ORJSON, 0.8),),
    ),
)

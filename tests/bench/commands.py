"""Commands through the bus in this process, and as mutations over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from itertools import repeat
from typing import Any
from uuid import uuid4

import orjson

from api.composition import Nerve, open_nerve
from api.ids import new_id
from domain.kernel import Command, Envelope
from domain.workflows.commands import CompleteStep, StartWorkflow
from eventstore.driver import Collection, open_client
from eventstore.indexes import Collections
from tests.bench.callers import per_second
from tests.bench.data import settings
from tests.bench.harness import Benchmark, Contender, Contest, Figure
from tests.bench.load import load, post
from tests.bench.machine import Machine, on_subject_core

CALLERS = 64
STREAMS = 1_000
STEPS = ("Receive", "Check", "Pay")
SECONDS = 1.0

MUTATION = """mutation ($input: StartWorkflowInput!) {
  startWorkflow(input: $input) { receipt { commandId stream version } }
}"""


def _commands() -> list[Command]:
    """A new workflow in each stream and then its steps, round-robin over the streams."""
    streams = [new_id("workflow") for _ in range(STREAMS)]
    commands: list[Command] = [
        StartWorkflow(id=stream, name="Invoice", planned_steps=3) for stream in streams
    ]
    for step in STEPS:
        commands += [CompleteStep(id=stream, name=step) for stream in streams]
    return commands


class Dispatched:
    """The bus at work, and afterwards the very documents it stored, for bare motor to insert."""

    def __init__(self, nerve: Nerve, bare: Collection) -> None:
        self._nerve = nerve
        self._bare = bare
        self._copied = 0

    async def through_the_bus(self) -> Figure:
        envelopes = [Envelope(command) for command in _commands()]
        return Figure(await per_second(CALLERS, envelopes, self._nerve.bus.dispatch))

    async def bare_inserts(self) -> Figure:
        log = self._nerve.database["log"]
        stored = await log.find({"_id": {"$gt": self._copied}}).sort([("_id", 1)]).to_list(None)
        self._copied = stored[-1]["_id"]
        batches = [stored[start : start + CALLERS] for start in range(0, len(stored), CALLERS)]
        batches_per_second = await per_second(1, batches, self._insert_many)
        return Figure(batches_per_second * len(stored) / len(batches))

    async def _insert_many(self, documents: list[dict[str, Any]]) -> None:
        await self._bare.insert_many(documents, ordered=False)


@asynccontextmanager
async def _bus(machine: Machine) -> AsyncIterator[Contest]:
    name = f"bus_{uuid4().hex}"
    async with AsyncExitStack() as stack:
        stack.enter_context(on_subject_core())
        nerve = await stack.enter_async_context(open_nerve(settings(machine, name), role="tool"))
        client = await stack.enter_async_context(open_client(machine.mongo_url))
        bare = Collections.of(client[f"{name}_bare"])
        await bare.prepare()
        dispatched = Dispatched(nerve, bare.log)
        yield Contest(
            Contender(f"CommandBus, {CALLERS} callers", dispatched.through_the_bus),
            Contender(f"motor insert_many of the same, {CALLERS} each", dispatched.bare_inserts),
        )


@asynccontextmanager
async def _graphql(machine: Machine) -> AsyncIterator[Contest]:
    request = post({"query": MUTATION, "variables": {"input": {"name": "Invoice"}}})
    with ExitStack() as stack:

        def contender(name: str, factory: str) -> Contender:
            # A database for each, since every nerve tails its log.
            environment = machine.settings(f"graphql_{uuid4().hex}")
            port = stack.enter_context(machine.serving(factory, environment))

            async def turn() -> Figure:
                return await load(port, repeat(request), CALLERS, SECONDS, _is_stored)

            return Contender(name, turn)

        yield Contest(
            contender(f"startWorkflow, {CALLERS} clients", "tests.bench.subject:usual"),
            contender("its bus behind orjson on Starlette", "tests.bench.limits:commands"),
            (contender("plain strawberry, an insert_one each", "tests.bench.plain:usual"),),
        )


def _is_stored(body: bytes) -> bool:
    answer = orjson.loads(body)
    return "errors" not in answer and answer["data"]["startWorkflow"]["receipt"]["version"] == 1


BENCHMARKS = (
    Benchmark("bus.commands", "commands/s", f"workflow commands on {STREAMS:,} streams", _bus),
    Benchmark("graphql.commands", "mutations/s", "mutations over HTTP that await STORED", _graphql),
)

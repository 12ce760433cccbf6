"""Processes: steps of many sagas at once, and the time of one step, beside the bus and the log alone."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from functools import cached_property, partial
from itertools import pairwise
from statistics import median
from uuid import uuid4

from api.garbage import WORKER_GARBAGE_THRESHOLD
from api.ids import new_id
from api.lifecycle import open_runtime
from api.process_runtime import running_processes
from api.runtime import Runtime
from domain.dispatch import Middleware
from domain.dispatch.bus import Handler
from domain.kernel import Envelope, Receipt
from domain.process.events import ProcessCompleted
from tests.bench.append import ALONE, Source, open_log
from tests.bench.callers import median_latency, per_second
from tests.bench.commands import CALLERS, CHANGES, STREAMS, open_bus
from tests.bench.countdown.countdowns import CountDown, StartCountdown
from tests.bench.data import settings
from tests.bench.dbos_peer import dbos_peers
from tests.bench.harness import Benchmark, Contender, Contest, Figure
from tests.bench.machine import Machine, on_subject_core

SAGAS = 1_000
STEPS = 5
"""Steps of each saga, every one an event that leads to a stored command."""

CONTEXTS = ("tests.bench.countdown.countdowns", "tests.bench.countdown.counting")


class Sagas(Runtime):
    """A worker that runs processes and no views, and notes when it has stored a step's command."""

    @cached_property
    def stored_at(self) -> asyncio.Queue[float]:
        return asyncio.Queue()

    @cached_property
    def middleware(self) -> Sequence[Middleware]:
        async def note(envelope: Envelope, next_handler: Handler) -> Receipt:
            receipt = await next_handler(envelope)
            if isinstance(envelope.command, CountDown):
                self.stored_at.put_nowait(time.perf_counter())
            return receipt

        return (note, *super().middleware)

    async def run_to_the_end(self, sagas: int) -> Figure:
        """Begin so many sagas, and return the steps a second until all have ended."""
        after, started = await self.log.head(), time.perf_counter()
        commands = [StartCountdown(id=new_id("countdown"), left=STEPS) for _ in range(sagas)]
        async with asyncio.TaskGroup() as group:
            group.create_task(per_second(CALLERS, commands, self._start))
            group.create_task(self._wait_for_ends(after, sagas))
        return Figure(sagas * STEPS / (time.perf_counter() - started))

    async def one_step(self) -> Figure:
        """The median milliseconds from a stored event to the stored command that it leads to, of one saga."""
        while not self.stored_at.empty():
            self.stored_at.get_nowait()
        await self._start(StartCountdown(id=new_id("countdown"), left=ALONE))
        times = [await self.stored_at.get() for _ in range(ALONE)]
        return Figure(median(later - earlier for earlier, later in pairwise(times)) * 1e3)

    async def _start(self, command: StartCountdown) -> None:
        await self.bus.dispatch(Envelope(command))

    async def _wait_for_ends(self, after: int, sagas: int) -> None:
        async with aclosing(self.feed.follow(after)) as batches:
            async for batch in batches:
                events = (event for commit in batch.items for event in commit.events)
                sagas -= sum(isinstance(event.payload, ProcessCompleted) for event in events)
                if not sagas:
                    return


@asynccontextmanager
async def _worker(machine: Machine) -> AsyncIterator[Sagas]:
    async with AsyncExitStack() as stack:
        stack.enter_context(on_subject_core())
        # As a worker has it.
        gc.set_threshold(WORKER_GARBAGE_THRESHOLD)
        chosen = settings(machine, f"processes_{uuid4().hex}").model_copy(update={"contexts": CONTEXTS})
        runtime = await stack.enter_async_context(open_runtime(chosen, runtime_class=Sagas))
        assert isinstance(runtime, Sagas)
        await stack.enter_async_context(running_processes(runtime))
        # A process that is newly deployed begins with what is stored after its start.
        while (await runtime.checkpoints.state("process.counting")).active is None:
            await asyncio.sleep(0.01)
        yield runtime


@asynccontextmanager
async def _steps(machine: Machine) -> AsyncIterator[Contest]:
    async with (
        _worker(machine) as worker,
        open_bus(machine, STREAMS) as bus,
        dbos_peers(SAGAS, STEPS, CALLERS) as peers,
    ):
        yield Contest(
            Contender(f"{SAGAS:,} sagas of {STEPS} steps, one worker", partial(worker.run_to_the_end, SAGAS)),
            Contender(f"CommandBus, {CALLERS} callers", partial(bus.through_the_bus, CALLERS, CHANGES)),
            peers,
        )


@asynccontextmanager
async def _latency(machine: Machine) -> AsyncIterator[Contest]:
    async with _worker(machine) as worker, open_log(machine, f"steps_{uuid4().hex}") as (log, _):
        source = Source()

        async def append() -> Figure:
            return Figure(await median_latency(source.commits(ALONE), log.append))

        yield Contest(
            Contender("one saga, one worker", worker.one_step), Contender("EventLog.append, 1 caller", append)
        )


BENCHMARKS = (
    Benchmark("process.steps", "steps/s", "an event that leads to a stored command", _steps),
    Benchmark("process.latency", "ms", "from an event to the next stored command, one idle saga", _latency),
)

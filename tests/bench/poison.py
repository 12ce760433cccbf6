"""One poison stream among a thousand: how late a view has what the others say."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import uuid4

from tests.bench.data import PATIENCE
from tests.bench.harness import Benchmark, Contender, Contest, Figure, Turn
from tests.bench.machine import Machine
from tests.helpers.note_rig import Rig, open_rig
from tests.helpers.notes import Scored, Written
from tests.helpers.poison_notes import POISON, Dose, poisoned

STREAMS = 1_000


def _names() -> list[str]:
    return [f"note-{number}" for number in range(STREAMS)]


async def _prepared(stack: AsyncExitStack, machine: Machine, *, ill: bool) -> Rig:
    """A view of a thousand rows with a worker, of which one waits behind what it cannot fold."""
    parts = (machine.mongo_url, machine.redis_url, f"poison_{uuid4().hex}")
    rig = await stack.enter_async_context(open_rig(*parts, work=True, view=poisoned(Dose())))
    await asyncio.gather(*(rig.append(name, Written(text=name)) for name in _names()))
    await rig.append("note-13", Scored(by=POISON if ill else 1))
    await rig.projected(PATIENCE)
    return rig


def _turn(rig: Rig) -> Turn:
    async def turn() -> Figure:
        start = time.perf_counter()
        await asyncio.gather(*(rig.append(name, Scored(by=1)) for name in _names()))
        await rig.projected(PATIENCE)
        return Figure((time.perf_counter() - start) * 1e3)

    return turn


@asynccontextmanager
async def _among_a_thousand(machine: Machine) -> AsyncIterator[Contest]:
    async with AsyncExitStack() as stack:
        ill, well = [await _prepared(stack, machine, ill=one) for one in (True, False)]
        yield Contest(Contender("one is poison", _turn(ill)), Contender("none is", _turn(well)))


BENCHMARKS = (
    Benchmark(
        "view.poison",
        "ms",
        "until a view has a thousand events, one of each stream, from their first append on",
        _among_a_thousand,
    ),
)

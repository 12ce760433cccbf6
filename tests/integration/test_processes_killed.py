"""I12: workers are killed and frozen in the middle of processes; each effect takes place once."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from domain.kernel import Event
from domain.process.events import CommandRequested, DeadlinePassed, ProcessStatus
from subscriptions.processes.instances import InstanceKey
from tests.helpers.process_rig import ProcessRig, open_process_rig

LEASE = 1.0
CHORES = 40
STEPS = (
    ("stamp", "ask", "stamp", "ask", "wait", "ask", "stamp"),
    ("stamp", "ask", "wait 700", "ask", "tear"),
    ("send", "ask", "stamp", "ask"),
)


@asynccontextmanager
async def workers(count: int, *parts: str) -> AsyncIterator[list[Process]]:
    """Workers as processes of their own; what the list holds in the end is killed."""
    running = [await start(*parts) for _ in range(count)]
    try:
        yield running
    finally:
        for worker in running:
            worker.kill()
            await worker.wait()


async def start(*parts: str) -> Process:
    program = ("-m", "tests.helpers.chore_worker", *parts, str(LEASE))
    return await asyncio.create_subprocess_exec(sys.executable, *program)


async def begin(rig: ProcessRig) -> list[tuple[InstanceKey, tuple[str, ...]]]:
    begun: list[tuple[InstanceKey, tuple[str, ...]]] = []
    for number in range(CHORES):
        steps = STEPS[number % len(STEPS)]
        begun.append((await rig.begin(*steps), steps))
    return begun


async def check(rig: ProcessRig, chore: InstanceKey, steps: Sequence[str]) -> None:
    """Wait for the end of a chore, and check that each of its effects took place once."""
    is_torn = "tear" in steps
    await rig.until(chore, ProcessStatus.COMPENSATED if is_torn else ProcessStatus.COMPLETED)
    payloads = await rig.payloads(chore)
    page = await rig.events(f"page-{chore.stream.partition('-')[2]}")
    types = [event.type for event in page]
    assert types == ["page.stamped"] * steps.count("stamp") + ["page.erased"] * is_torn
    assert len({event.commit.command_id for event in page}) == len(page)
    assert count(payloads, DeadlinePassed) == sum(step.startswith("wait") for step in steps)
    assert count(payloads, CommandRequested) == len(page) + is_torn


def count(payloads: Sequence[Event | None], kind: type[Event]) -> int:
    return Counter(map(type, payloads))[kind]


async def test_workers_that_are_killed_lose_and_double_nothing(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """Two workers, of which one after the other is killed with -9 while chores begin and go on."""
    parts, dice = (mongo_url, redis_url, database), random.Random(3)
    async with open_process_rig(*parts, work=False) as rig, workers(2, *parts) as running:
        begun = await begin(rig)
        for _ in range(4):
            await asyncio.sleep(dice.uniform(0.2, 0.8))
            victim = running.pop(0)
            victim.kill()
            await victim.wait()
            running.append(await start(*parts))
        for chore, steps in begun:
            await check(rig, chore, steps)


async def test_a_worker_that_is_frozen_beyond_its_lease_does_nothing_twice(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """Another worker takes over; the frozen one wakes up and finds that its work is done."""
    parts = (mongo_url, redis_url, database)
    async with open_process_rig(*parts, work=False) as rig, workers(2, *parts) as running:
        begun = await begin(rig)
        await rig.until(begun[0][0], ProcessStatus.COMPLETED)
        for worker in running:
            worker.send_signal(signal.SIGSTOP)
            await asyncio.sleep(2 * LEASE)
            worker.send_signal(signal.SIGCONT)
        for chore, steps in begun:
            await check(rig, chore, steps)

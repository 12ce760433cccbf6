"""Processes over restarts and take-overs: what was begun goes on, and nothing takes place twice."""

from __future__ import annotations

import asyncio
from functools import partial

from domain.process.events import DeadlinePassed, DeadlineSet, ProcessStatus
from subscriptions.consumers.generations import Generations
from subscriptions.processes.instances import InstanceKey
from tests.helpers.oracles import Oracle
from tests.helpers.process_rig import ProcessRig, open_process_rig, until

PROCESS = "process.chore"
STEPS = ("stamp", "ask", "wait", "send", "stamp")


async def handles_all(rig: ProcessRig) -> bool:
    return await rig.checkpoints.position(PROCESS) >= await rig.log.head()


async def test_redelivery_of_the_whole_log_changes_nothing(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """By a worker that knows nothing, from the beginning, after processes that ended in different ways."""
    parts = (mongo_url, redis_url, database)
    async with open_process_rig(*parts, adapters={"oracle": Oracle()}) as rig:
        for steps in (STEPS, ("stamp", "tear"), ("wait",)):
            chore = await rig.begin(*steps)
            end = ProcessStatus.COMPENSATED if "tear" in steps else ProcessStatus.COMPLETED
            await rig.until(chore, end)
        await until(lambda: handles_all(rig))
    async with open_process_rig(*parts, adapters={"oracle": Oracle()}, work=False) as rig:
        head = await rig.log.head()
        await Generations(rig.database).drop(PROCESS)
        await rig.worker.start()
        await until(lambda: handles_all(rig))
        assert await rig.log.head() == head
        await until(lambda: has_no_work(rig))


async def test_deadlines_come_after_a_restart_each_once_and_not_early(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """The first worker stops when all of them are set."""
    parts = (mongo_url, redis_url, database)
    async with open_process_rig(*parts) as rig:
        begun = await asyncio.gather(*(rig.begin("wait 4000") for _ in range(50)))
        for chore in begun:
            await until(partial(is_begun, rig, chore))
    async with open_process_rig(*parts) as rig:
        for chore in begun:
            await rig.until(chore, ProcessStatus.COMPLETED)
            events = await rig.events(chore.stream)
            (due,) = [event.payload.due for event in events if isinstance(event.payload, DeadlineSet)]
            (passed,) = [event for event in events if isinstance(event.payload, DeadlinePassed)]
            assert passed.commit.at >= due


async def has_no_work(rig: ProcessRig) -> bool:
    return not await rig.database["process_work"].count_documents({})


async def is_begun(rig: ProcessRig, chore: InstanceKey) -> bool:
    return (await rig.state(chore)).version > 0


async def test_deadlines_far_away_take_no_memory(mongo_url: str, redis_url: str, database: str) -> None:
    """They wait in MongoDB."""
    async with open_process_rig(mongo_url, redis_url, database) as rig:
        for _ in range(20):
            await rig.begin("wait 600000")
        await until(lambda: waits_in_mongodb(rig, 20))
        await until(lambda: holds_nothing(rig))


async def holds_nothing(rig: ProcessRig) -> bool:
    return rig.worker.held == 0


async def waits_in_mongodb(rig: ProcessRig, deadlines: int) -> bool:
    return await rig.database["process_work"].count_documents({"channel": "deadlines"}) == deadlines


async def test_workers_share_the_instances(mongo_url: str, redis_url: str, database: str) -> None:
    """Each runs some of them, and every command is stored once."""
    parts = (mongo_url, redis_url, database)
    open_rig = partial(open_process_rig, *parts, adapters={"oracle": Oracle()}, partitions=4)
    async with open_rig() as first, open_rig() as second:

        async def is_shared() -> bool:
            state = await first.checkpoints.state(PROCESS)
            partitions = state.generations[state.active].partitions if state.active else ()
            return len({partition.owner for partition in partitions} - {None}) == 2

        await until(is_shared)
        begun = [await first.begin(*STEPS) for _ in range(24)]
        for chore in begun:
            await first.until(chore, ProcessStatus.COMPLETED)
            assert len(await first.events(f"page-{chore.stream.partition('-')[2]}")) == 2
        assert first.meter.steps > 0
        assert second.meter.steps > 0


async def test_work_that_a_stopped_worker_left_is_taken_up(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """A call under way is repeated by the next worker, under the same key."""
    parts = (mongo_url, redis_url, database)
    silent, answering = Oracle(), Oracle()
    silent.open.clear()
    async with open_process_rig(*parts, adapters={"oracle": silent}) as rig:
        chore = await rig.begin("ask")
        await until(lambda: called(silent))
    async with open_process_rig(*parts, adapters={"oracle": answering}) as rig:
        await rig.until(chore, ProcessStatus.COMPLETED)
    assert silent.calls == answering.calls


async def called(oracle: Oracle) -> bool:
    return bool(oracle.calls)

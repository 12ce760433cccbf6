"""A process comes further however often the leases of its partitions change hands."""

from __future__ import annotations

from domain.process.events import CallSucceeded, ProcessStatus
from subscriptions.consumers.checkpoints import Checkpoint
from subscriptions.consumers.group import LEASE_TIME
from subscriptions.processes.agenda import HOLD_TIME, hold_time
from subscriptions.processes.session import ProcessSession
from tests.helpers.chore_process.chores import chores
from tests.helpers.oracles import Oracle
from tests.helpers.process_rig import ProcessRig, open_process_rig, until

CONSUMER = "process.chore"


async def checkpoint_of_lost_session(rig: ProcessRig, position: int) -> int:
    """Handle the log after a position in a session whose lease is lost after its first checkpoint."""
    session = ProcessSession(chores, rig.parts)
    await session.begin(Checkpoint(1, position))
    try:
        commits = await rig.log.reader().read(position, 100)
        if commits:
            await session.handle(commits)
            position = commits[-1].position
        return await session.settle(position)
    finally:
        await session.end()


async def test_effects_that_outlast_each_lease_do_not_hold_the_checkpoint_back(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """The port does not answer while one session after another loses its lease."""
    oracle = Oracle()
    oracle.open.clear()
    parts = (mongo_url, redis_url, database)
    async with open_process_rig(*parts, adapters={"oracle": oracle}, work=False) as rig:
        chore = await rig.begin("ask")
        reached = [await checkpoint_of_lost_session(rig, 0)]
        for _ in range(3):
            reached.append(await checkpoint_of_lost_session(rig, reached[-1]))
        head = await rig.log.head()
        assert reached == [head - 1, head, head, head]
        oracle.open.set()
        await rig.worker.start()
        await rig.until(chore, ProcessStatus.COMPLETED)
        payloads = await rig.payloads(chore)
        assert len([payload for payload in payloads if isinstance(payload, CallSucceeded)]) == 1
        assert len(oracle.calls) == 1, "each attempt has the same key"


async def test_what_is_done_is_kept_when_a_worker_stops(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """An effect that is under way does not make the next worker begin before it."""
    oracle, parts = Oracle(), (mongo_url, redis_url, database)
    oracle.open.clear()

    async def is_asked() -> bool:
        return bool(oracle.calls)

    async with open_process_rig(*parts, adapters={"oracle": oracle}, lease_time=600) as rig:
        asking = await rig.begin("ask")
        await until(is_asked)
        later = await rig.begin("stamp")
        await rig.until(later, ProcessStatus.COMPLETED)
        await rig.worker.stop()
        (stamped,) = await rig.events(f"page-{later.stream.partition('-')[2]}")
        assert await rig.checkpoints.position(CONSUMER) >= stamped.position
    oracle.open.set()
    async with open_process_rig(*parts, adapters={"oracle": oracle}) as rig:
        await rig.until(asking, ProcessStatus.COMPLETED)
        assert len(oracle.calls) == 1


def test_the_checkpoint_waits_for_effects_for_a_small_part_of_a_lease() -> None:
    assert hold_time(LEASE_TIME) == HOLD_TIME
    assert hold_time(1.5) < 1.5 / 5

"""The agenda of a partition: what becomes of its work when it waits, and when the partition is left."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from subscriptions.consumers.state import Partition
from subscriptions.processes.agenda import Agenda
from subscriptions.processes.held_work import HeldWork
from subscriptions.processes.instances import InstanceKey
from subscriptions.processes.open_work import OpenWork, Work
from tests.helpers.process_rig import PATIENCE, open_process_rig

PIECES = 3
CHORE = InstanceKey("default", "chore-1")


async def test_no_work_goes_on_where_leaving_the_partition_is_cancelled(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """The lease may be lost a second time while the work of the first loss is being stopped."""
    begun, cancelled = list[str](), list[str]()

    async def perform(held: HeldWork) -> None:
        begun.append(held.work.id)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(held.work.id)
            raise

    async with open_process_rig(mongo_url, redis_url, database, work=False) as rig:
        open_work = OpenWork(rig.database, "chore", Partition())
        agenda = Agenda(open_work, {"commands": PIECES}, perform, lambda: datetime.now(UTC))
        await agenda.start()
        for number in range(PIECES):
            agenda.add(_work(f"effect-{number}"))
        async with asyncio.timeout(PATIENCE):
            while len(begun) < PIECES:
                await asyncio.sleep(0)
        leaving = asyncio.create_task(agenda.stop())
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.wait({leaving})
        async with asyncio.timeout(PATIENCE):
            while len(cancelled) < PIECES:
                await asyncio.sleep(0)


async def test_work_that_awaits_a_position_goes_on_there_unless_it_is_removed(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """The reaction to a command's event usually records its outcome, so nothing is left to do."""
    performed = list[str]()

    async def perform(held: HeldWork) -> None:
        performed.append(held.work.id)
        if performed.count(held.work.id) == 1:
            held.awaited = 5

    async def until_performed(count: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while len(performed) < count or any(agenda.has(CHORE, each) for each in performed[2:]):
                await asyncio.sleep(0)

    async with open_process_rig(mongo_url, redis_url, database, work=False) as rig:
        open_work = OpenWork(rig.database, "chore", Partition())
        agenda = Agenda(open_work, {"commands": PIECES}, perform, lambda: datetime.now(UTC))
        await agenda.start()
        for name in ("settled", "left"):
            agenda.add(_work(name))
        await until_performed(2)
        agenda.reach(4)
        agenda.remove(CHORE, "settled")
        assert (await agenda.settle(1), agenda.size) == (0, 1)
        agenda.reach(5)
        await until_performed(3)
        assert performed == ["settled", "left", "left"]
        assert (await agenda.settle(1), agenda.size) == (1, 0)
        await agenda.stop()


def _work(effect: str) -> Work:
    return Work(CHORE, effect, "commands", CHORE.stream, 1, 1, "cmd-1")

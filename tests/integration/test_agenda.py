"""The agenda of a partition: what becomes of its work when the partition is left."""

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
        instance = InstanceKey("default", "chore-1")
        for number in range(PIECES):
            agenda.add(Work(instance, f"effect-{number}", "commands", "chore-1", 1, 1, "cmd-1"))
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

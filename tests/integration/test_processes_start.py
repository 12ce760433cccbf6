"""Where a process begins that is deployed on a log with events."""

from __future__ import annotations

import pytest

from domain.process import StartAt
from domain.process.events import ProcessStatus
from tests.helpers.chore_process.chores import Chore
from tests.helpers.process_rig import open_process_rig

CONSUMERS = ["process.chore"]


async def test_a_process_that_starts_now_reacts_to_nothing_of_the_past(
    mongo_url: str, redis_url: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reacts to what follows; also to what is stored while no worker runs later, for it goes on then."""
    monkeypatch.setattr(Chore, "starts_at", StartAt.NOW)
    async with open_process_rig(mongo_url, redis_url, database, work=False) as rig:
        past = await rig.begin("stamp")
        await rig.worker.start()
        await rig.until_following(CONSUMERS)
        first = await rig.begin("stamp")
        await rig.until(first, ProcessStatus.COMPLETED)
        await rig.worker.stop()
        meanwhile = await rig.begin("stamp")
    async with open_process_rig(mongo_url, redis_url, database) as rig:
        await rig.until(meanwhile, ProcessStatus.COMPLETED)
        last = await rig.begin("stamp")
        await rig.until(last, ProcessStatus.COMPLETED)
        assert await rig.events(past.stream) == []


async def test_a_process_that_starts_at_the_beginning_reacts_to_the_past(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """Its effects of the past are run then."""
    async with open_process_rig(mongo_url, redis_url, database, work=False) as rig:
        past = await rig.begin("stamp")
        await rig.worker.start()
        await rig.until(past, ProcessStatus.COMPLETED)

"""Processes on real servers: they react to events, their effects are run once, and outcomes come back."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from domain.process.events import ProcessStatus
from tests.helpers.chores import StepDone, Taken
from tests.helpers.process_rig import ProcessRig, open_process_rig


@pytest.fixture
async def rig(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[ProcessRig]:
    async with open_process_rig(mongo_url, redis_url, database) as rig:
        yield rig


async def test_a_command_leads_to_a_reaction_and_that_to_the_next_command(rig: ProcessRig) -> None:
    """Two commands, each dispatched after the event of the one before."""
    chore = await rig.begin("stamp", "stamp")
    await rig.until(chore, ProcessStatus.COMPLETED)
    own = [payload for payload in await rig.payloads(chore) if isinstance(payload, Taken | StepDone)]
    assert own == [Taken(steps=("stamp", "stamp")), StepDone(step="stamp"), StepDone(step="stamp")]
    page = await rig.events(f"page-{chore.stream.partition('-')[2]}")
    assert [event.type for event in page] == ["page.stamped", "page.stamped"]

"""Instances that cannot go on: they are stuck until a person decides, and the others go on."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from domain.process.commands import CancelProcess, ResumeProcess, RetryProcess
from domain.process.events import ProcessReacted, ProcessStatus, ProcessStuck
from subscriptions.processes.instances import InstanceKey
from tests.helpers.chore_process.chores import STUMBLING, StampPage, StepDone
from tests.helpers.process_rig import ProcessRig, open_process_rig, until

REASON = "it was corrected"


@pytest.fixture
async def rig(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[ProcessRig]:
    STUMBLING.append("stumble")
    async with open_process_rig(mongo_url, redis_url, database) as rig:
        yield rig
    STUMBLING.clear()


async def stuck_chore(rig: ProcessRig) -> InstanceKey:
    """A chore whose reaction to its first stamp fails, with a second stamp that waits behind that."""
    chore = await rig.begin("stamp", "stumble", "stamp")
    await rig.until(chore, ProcessStatus.STUCK)
    key = chore.stream.partition("-")[2]
    await rig.send(StampPage(id=f"page-{key}.2", chore=key))
    await until(lambda: parked(rig, 2))
    return chore


async def parked(rig: ProcessRig, count: int) -> bool:
    return await rig.database["process_work"].count_documents({"channel": "triggers"}) == count


async def test_a_reaction_that_fails_makes_its_instance_stuck_and_no_other(rig: ProcessRig) -> None:
    """The event names where it happened, and not what the process's code said."""
    chore = await stuck_chore(rig)
    other = await rig.begin("stamp")
    await rig.until(other, ProcessStatus.COMPLETED)
    (stuck,) = [each for each in await rig.payloads(chore) if isinstance(each, ProcessStuck)]
    assert stuck.reason.startswith("Chore.react raised RuntimeError for PageStamped at ")
    (stamped,) = await rig.events(f"page-{chore.stream.partition('-')[2]}")
    assert (stuck.from_stream, stuck.from_version) == (stamped.stream, stamped.version)


async def test_a_retry_delivers_what_failed_and_what_waits_behind_it_in_order(rig: ProcessRig) -> None:
    """The beginning, the stamp that failed, the one behind it, and the one that follows from them."""
    chore = await stuck_chore(rig)
    STUMBLING.clear()
    await rig.send(RetryProcess(id=chore.stream, reason=REASON))
    await rig.until(chore, ProcessStatus.COMPLETED)
    reacted = [each for each in await rig.payloads(chore) if isinstance(each, ProcessReacted)]
    assert [each.from_position for each in reacted] == sorted(each.from_position for each in reacted)
    assert len(reacted) == 4
    await until(lambda: parked(rig, 0))


async def test_an_instance_that_fails_again_is_stuck_again(rig: ProcessRig) -> None:
    """And keeps what waits, for the next decision."""
    chore = await stuck_chore(rig)
    await rig.send(RetryProcess(id=chore.stream, reason=REASON))

    async def is_stuck_twice() -> bool:
        return sum(isinstance(each, ProcessStuck) for each in await rig.payloads(chore)) == 2

    await until(is_stuck_twice)
    await until(lambda: parked(rig, 2))
    STUMBLING.clear()
    await rig.send(RetryProcess(id=chore.stream, reason=REASON))
    await rig.until(chore, ProcessStatus.COMPLETED)


async def test_a_resume_goes_on_without_what_failed(rig: ProcessRig) -> None:
    """The second stamp takes the place of the first one."""
    chore = await stuck_chore(rig)
    STUMBLING.clear()
    await rig.send(ResumeProcess(id=chore.stream, reason=REASON))
    await rig.until(chore, ProcessStatus.RUNNING)
    await until(lambda: parked(rig, 0))
    done = [each for each in await rig.payloads(chore) if isinstance(each, StepDone)]
    assert done[0].step == "stamp"


async def test_a_cancel_undoes_what_was_done(rig: ProcessRig) -> None:
    """The stamp is erased, and what waits is dropped."""
    chore = await stuck_chore(rig)
    await rig.send(CancelProcess(id=chore.stream, reason=REASON, compensate=True))
    await rig.until(chore, ProcessStatus.COMPENSATED)
    page = await rig.events(f"page-{chore.stream.partition('-')[2]}")
    assert [event.type for event in page] == ["page.stamped", "page.erased"]
    await until(lambda: parked(rig, 0))

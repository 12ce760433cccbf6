"""A policy that fails for one event goes on with others; the event is kept until a decision."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from functools import partial

import pytest

from domain.kernel import Command, RecordedEvent
from domain.process import Policy, StartAt
from domain.process.commands import CancelProcess, ResumeProcess, RetryProcess
from domain.process.events import ProcessStatus, ProcessStuck
from domain.process.policy_events import policy_instance
from subscriptions.processes.instances import InstanceKey
from tests.helpers.chore_process.chores import BeginChore, ChoreBegun, StampPage
from tests.helpers.process_rig import ProcessRig, open_process_rig, until

FAILING: set[str] = set()
"""The streams for whose events the policy raises an error."""


def stamp(event: RecordedEvent) -> Iterable[Command]:
    """Stamp two pages; the second one cannot be made for some streams."""
    yield StampPage(id=f"page-{event.stream}", chore="none")
    if event.stream in FAILING:
        raise LookupError("no such chore")
    yield StampPage(id=f"page-copy-of-{event.stream}", chore="none")


POLICY = Policy("stamp_twice", events=(ChoreBegun,), react=stamp, starts_at=StartAt.BEGINNING)


@pytest.fixture(autouse=True)
def failing() -> Iterator[set[str]]:
    FAILING.add("chorelist-bad")
    yield FAILING
    FAILING.clear()


@pytest.fixture
async def rig(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[ProcessRig]:
    async with open_process_rig(
        mongo_url, redis_url, database, policies=(POLICY,), partitions=2, work=False
    ) as rig:
        yield rig


async def begin_bad(rig: ProcessRig) -> InstanceKey:
    """Begin a chore for which the policy fails, and one after it; return the instance of the event."""
    await rig.send(BeginChore(id="chorelist-bad", steps=()))
    await rig.send(BeginChore(id="chorelist-good", steps=()))
    (event,) = await rig.log.stream("default", "chorelist-bad")
    return InstanceKey("default", policy_instance(POLICY, event))


async def is_stamped(rig: ProcessRig, *pages: str) -> bool:
    return all([await rig.events(page) for page in pages])


async def is_stuck_times(rig: ProcessRig, instance: InstanceKey, times: int) -> bool:
    payloads = await rig.payloads(instance)
    return sum(isinstance(payload, ProcessStuck) for payload in payloads) == times


async def test_the_policy_goes_on_with_other_events(rig: ProcessRig) -> None:
    """The event is kept by an instance that is stuck, with the error and where it came from."""
    bad = await begin_bad(rig)
    await rig.worker.start()
    await rig.until(bad, ProcessStatus.STUCK)
    await until(partial(is_stamped, rig, "page-chorelist-good", "page-copy-of-chorelist-good"))
    stuck = (await rig.payloads(bad))[-1]
    assert isinstance(stuck, ProcessStuck)
    assert "LookupError" in stuck.reason
    assert (stuck.from_stream, stuck.from_version) == ("chorelist-bad", 1)


async def test_a_retry_handles_the_event_when_the_policy_is_mended(rig: ProcessRig) -> None:
    """A retry before that leaves it stuck; then each command of the event is stored once."""
    bad = await begin_bad(rig)
    await rig.worker.start()
    await rig.until(bad, ProcessStatus.STUCK)
    await rig.send(RetryProcess(id=bad.stream, reason="perhaps"))
    await until(partial(is_stuck_times, rig, bad, 2))
    FAILING.clear()
    await rig.send(RetryProcess(id=bad.stream, reason="mended"))
    await rig.until(bad, ProcessStatus.COMPLETED)
    pages = ("page-chorelist-bad", "page-copy-of-chorelist-bad")
    assert [len(await rig.events(page)) for page in pages] == [1, 1]


@pytest.mark.parametrize("command", [ResumeProcess, CancelProcess])
async def test_the_event_is_left_out_by_a_decision(
    rig: ProcessRig, command: type[ResumeProcess | CancelProcess]
) -> None:
    """After a resume or a cancel nothing of it is left to do, also when the policy is mended."""
    bad = await begin_bad(rig)
    await rig.worker.start()
    await rig.until(bad, ProcessStatus.STUCK)
    FAILING.clear()
    await rig.send(command(id=bad.stream, reason="not needed"))
    ended = ProcessStatus.COMPLETED if command is ResumeProcess else ProcessStatus.CANCELLED
    await rig.until(bad, ended)
    await rig.send(BeginChore(id="chorelist-later", steps=()))
    await until(partial(is_stamped, rig, "page-copy-of-chorelist-later"))
    assert await rig.events("page-copy-of-chorelist-bad") == []


async def test_an_event_that_cannot_be_read_is_kept_too(rig: ProcessRig) -> None:
    """A retry handles it when it can be read again."""
    FAILING.clear()
    bad = await begin_bad(rig)
    commit, log = {"stream": "chorelist-bad"}, rig.database["log"]
    await log.update_one(commit, {"$set": {"events.0.data": {}}})
    await rig.worker.start()
    await rig.until(bad, ProcessStatus.STUCK)
    await until(partial(is_stamped, rig, "page-copy-of-chorelist-good"))
    await log.update_one(commit, {"$set": {"events.0.data": {"steps": []}}})
    await rig.send(RetryProcess(id=bad.stream, reason="mended"))
    await rig.until(bad, ProcessStatus.COMPLETED)
    assert len(await rig.events("page-copy-of-chorelist-bad")) == 1

"""A process whose `key` fails for one event goes on with others; the event is kept until a decision."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import pytest

from domain.kernel import RecordedEvent
from domain.process.commands import CancelProcess, ResumeProcess, RetryProcess
from domain.process.events import ProcessStatus, ProcessStuck
from domain.process.unkeyed import unkeyed_instance
from subscriptions.processes.instances import InstanceKey
from tests.helpers.chore_process.chores import BeginChore, Chore
from tests.helpers.process_rig import ProcessRig, open_process_rig, until

KEYED = Chore.key


class FailingKey:
    """A `key` that raises for the events of these streams."""

    def __init__(self, *streams: str) -> None:
        self.streams = set(streams)

    def __call__(self, event: RecordedEvent) -> str | None:
        if event.stream in self.streams:
            raise LookupError("no such chore")
        return KEYED(event)


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> FailingKey:
    failing = FailingKey("chorelist-lost")
    monkeypatch.setattr(Chore, "key", failing)
    return failing


@pytest.fixture
async def rig(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[ProcessRig]:
    async with open_process_rig(mongo_url, redis_url, database) as rig:
        yield rig


async def begin_lost(rig: ProcessRig) -> InstanceKey:
    """Begin a chore whose key fails, and return the instance that keeps its event."""
    await rig.send(BeginChore(id="chorelist-lost", steps=("stamp",)))
    (event,) = await rig.log.stream("default", "chorelist-lost")
    lost = InstanceKey("default", unkeyed_instance("chore", event))
    await rig.until(lost, ProcessStatus.STUCK)
    return lost


async def is_stuck_times(rig: ProcessRig, instance: InstanceKey, times: int) -> bool:
    payloads = await rig.payloads(instance)
    return sum(isinstance(payload, ProcessStuck) for payload in payloads) == times


async def test_the_process_goes_on_with_other_events(rig: ProcessRig, key: FailingKey) -> None:
    """The event is kept by an instance that is stuck, with the error and where it came from."""
    lost = await begin_lost(rig)
    other = await rig.begin("stamp")
    await rig.until(other, ProcessStatus.COMPLETED)
    stuck = (await rig.payloads(lost))[-1]
    assert isinstance(stuck, ProcessStuck)
    assert "LookupError" in stuck.reason
    assert (stuck.from_stream, stuck.from_version) == ("chorelist-lost", 1)
    assert await rig.events("page-lost") == []


async def test_a_retry_delivers_the_event_when_its_key_is_mended(rig: ProcessRig, key: FailingKey) -> None:
    """A retry before that leaves the instance stuck."""
    lost = await begin_lost(rig)
    await rig.send(RetryProcess(id=lost.stream, reason="perhaps"))
    await until(partial(is_stuck_times, rig, lost, 2))
    key.streams.clear()
    await rig.send(RetryProcess(id=lost.stream, reason="mended"))
    await rig.until(lost, ProcessStatus.COMPLETED)
    await rig.until(InstanceKey("default", "chore-lost"), ProcessStatus.COMPLETED)
    assert [event.version for event in await rig.events("page-lost")] == [1]


@pytest.mark.parametrize("command", [ResumeProcess, CancelProcess])
async def test_the_event_is_left_out_by_a_decision(
    rig: ProcessRig, key: FailingKey, command: type[ResumeProcess | CancelProcess]
) -> None:
    """After a resume or a cancel nothing of it is left to do, also when the key is mended."""
    lost = await begin_lost(rig)
    key.streams.clear()
    await rig.send(command(id=lost.stream, reason="not needed"))
    ended = ProcessStatus.COMPLETED if command is ResumeProcess else ProcessStatus.CANCELLED
    await rig.until(lost, ended)
    other = await rig.begin("stamp")
    await rig.until(other, ProcessStatus.COMPLETED)
    assert await rig.events("page-lost") == []
    assert await rig.events("chore-lost") == []


async def test_a_trigger_that_cannot_be_read_is_kept_too(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """Others go on, and a retry delivers it when it can be read again."""
    async with open_process_rig(mongo_url, redis_url, database, work=False) as rig:
        await rig.send(BeginChore(id="chorelist-lost", steps=("stamp",)))
        (event,) = await rig.log.stream("default", "chorelist-lost")
        lost = InstanceKey("default", unkeyed_instance("chore", event))
        other = await rig.begin("stamp")
        commit, log = {"stream": "chorelist-lost"}, rig.database["log"]
        await log.update_one(commit, {"$set": {"events.0.data": {}}})
        await rig.worker.start()
        await rig.until(lost, ProcessStatus.STUCK)
        await rig.until(other, ProcessStatus.COMPLETED)
        assert "lacks the field" in str((await rig.payloads(lost))[-1])
        await log.update_one(commit, {"$set": {"events.0.data": {"steps": ["stamp"]}}})
        await rig.send(RetryProcess(id=lost.stream, reason="mended"))
        await rig.until(lost, ProcessStatus.COMPLETED)
        await rig.until(InstanceKey("default", "chore-lost"), ProcessStatus.COMPLETED)

"""Consumers that leave: what their handler has done is saved, and nothing waits for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from domain.kernel import Commit
from domain.kernel.errors import Unavailable
from subscriptions.consumers.checkpoints import Checkpoint, Checkpoints
from subscriptions.consumers.consumer import CommitHandler
from subscriptions.consumers.group import ConsumerDefinition, ConsumerGroup
from subscriptions.consumers.partition_leases import PartitionLease, PartitionLeases
from subscriptions.consumers.state import Partition, PartitionState
from tests.helpers.note_rig import Rig, open_rig

pytestmark = pytest.mark.usefixtures("driver")

DEADLINE = 120
NAME = "test"


@pytest.fixture
async def rig(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[Rig]:
    async with open_rig(mongo_url, redis_url, database, poll_interval=0.05) as rig:
        yield rig


class Waiter:
    """Waits in `handle` until it is interrupted, and has done nothing then."""

    def __init__(self) -> None:
        self.is_waiting = asyncio.Event()
        self._is_interrupted = asyncio.Event()

    async def begin(self, checkpoint: Checkpoint) -> None:
        """Nothing is to be prepared."""

    async def handle(self, commits: Sequence[Commit]) -> bool:
        self.is_waiting.set()
        await self._is_interrupted.wait()
        return False

    async def settle(self, position: int, *, is_last: bool = False) -> int:
        return 0

    async def end(self) -> None:
        """Nothing is to be stopped."""

    async def drain(self) -> None:
        """Nothing is under way."""

    def interrupt(self) -> None:
        self._is_interrupted.set()


class FailingWaiter(Waiter):
    """Fails at the second commit, and then settles the first one only when it is interrupted."""

    def __init__(self) -> None:
        super().__init__()
        self.has_first = asyncio.Event()

    async def handle(self, commits: Sequence[Commit]) -> bool:
        if commits[-1].position > 1:
            raise RuntimeError("the second commit cannot be handled")
        self.has_first.set()
        return False

    async def settle(self, position: int, *, is_last: bool = False) -> int:
        if not is_last:
            return 0
        self.is_waiting.set()
        await self._is_interrupted.wait()
        return 1


class UnsavedHandler:
    """Keeps in `done` what it has handled, by partition; it is saved only when the consumer leaves."""

    def __init__(self, done: dict[Partition, list[int]]) -> None:
        self._done = done

    async def begin(self, checkpoint: Checkpoint) -> None:
        self._partition = checkpoint.partition

    async def handle(self, commits: Sequence[Commit]) -> bool:
        self._done.setdefault(self._partition, []).extend(commit.position for commit in commits)
        return False

    async def settle(self, position: int, *, is_last: bool = False) -> int:
        return position if is_last else 0

    async def end(self) -> None:
        """Nothing is to be stopped."""


def group(rig: Rig, make_handler: Callable[[], CommitHandler], partitions: int = 1) -> ConsumerGroup:
    parts = (rig.database, rig.feed, rig.checkpoints, rig.wakeups)
    work = ConsumerDefinition("", make_handler)
    return ConsumerGroup({NAME: work}, *parts, tick=0.05, lease_time=600, partitions=partitions)


async def partitions_of(rig: Rig) -> Sequence[PartitionState]:
    return (await rig.checkpoints.state(NAME)).generations[1].partitions


async def test_a_handler_that_waits_is_interrupted_when_its_consumer_leaves(rig: Rig) -> None:
    """What it has not done is not in the checkpoint."""
    waiter = Waiter()
    running = group(rig, lambda: waiter)
    await running.start()
    await rig.write("a")
    async with asyncio.timeout(DEADLINE):
        await waiter.is_waiting.wait()
        await running.stop()
    assert await rig.checkpoints.position(NAME) == 0


async def test_a_consumer_that_leaves_after_a_failure_still_saves_what_is_done(rig: Rig) -> None:
    """To leave does not interrupt the save that the failure has led to."""
    waiter = FailingWaiter()
    running = group(rig, lambda: waiter)
    await running.start()
    await rig.write("a")
    async with asyncio.timeout(DEADLINE):
        await waiter.has_first.wait()
        await rig.write("b")
        await waiter.is_waiting.wait()
        await running.stop()
    assert await rig.checkpoints.position(NAME) == 1


async def test_what_was_done_before_a_planned_move_is_not_done_again(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though none of it was saved when another process asked for the partition, and the first save fails."""
    save, errors = Checkpoints.save, [Unavailable("MongoDB does not answer")]

    async def save_later(
        checkpoints: Checkpoints, lease: PartitionLease, position: int, events: int = 0
    ) -> bool:
        if errors:
            raise errors.pop()
        return await save(checkpoints, lease, position, events)

    done: dict[Partition, list[int]] = {}
    groups = [group(rig, lambda: UnsavedHandler(done), partitions=2) for _ in range(2)]
    await rig.write("abc")
    await groups[0].start()
    async with asyncio.timeout(DEADLINE):
        while [len(positions) for positions in done.values()] != [3, 3]:
            await asyncio.sleep(0.02)
        with monkeypatch.context() as patch:
            patch.setattr("subscriptions.consumers.consumer.LEAVE_TIMEOUT", 0.0)
            patch.setattr(Checkpoints, "save", save_later)
            await groups[1].start()
            while None in (owners := {seen.owner for seen in await partitions_of(rig)}) or len(owners) < 2:
                await asyncio.sleep(0.02)
        await rig.write("d")
        while [positions[-1] for positions in done.values()] != [4, 4]:
            await asyncio.sleep(0.02)
    for one in groups:
        await one.stop()
    assert not errors
    assert done == {Partition(number, 2): [1, 2, 3, 4] for number in range(2)}
    assert [seen.position for seen in await partitions_of(rig)] == [4, 4]


async def test_a_process_that_stops_while_it_takes_a_partition_releases_it(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise no process would work on it until the lease ends."""
    has_taken, may_return = asyncio.Event(), asyncio.Event()
    take = PartitionLeases.take

    async def take_slowly(
        leases: PartitionLeases, consumer: str, generation: int, seen: PartitionState, *, code: str = ""
    ) -> tuple[PartitionLease, int] | None:
        taken = await take(leases, consumer, generation, seen, code=code)
        has_taken.set()
        await may_return.wait()
        return taken

    monkeypatch.setattr(PartitionLeases, "take", take_slowly)
    stopped = group(rig, lambda: UnsavedHandler({}))
    await stopped.start()
    async with asyncio.timeout(DEADLINE):
        await has_taken.wait()
        stopping = asyncio.create_task(stopped.stop())
        await asyncio.sleep(0)
        may_return.set()
        await stopping
    (seen,) = await partitions_of(rig)
    assert (seen.epoch, seen.owner) == (1, None)

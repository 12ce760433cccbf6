"""Processes that share the partitions of consumers: each has its part, and no partition is left."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime

import pytest

from domain.kernel import Commit
from subscriptions.consumers.checkpoints import Checkpoint
from subscriptions.consumers.generations import Generations
from subscriptions.consumers.group import ConsumerDefinition, ConsumerGroup
from subscriptions.consumers.partition_leases import PartitionLease, PartitionLeases
from subscriptions.consumers.state import ConsumerState, Partition
from tests.helpers.note_rig import Rig, open_rig
from tests.helpers.stolen_leases import steal

pytestmark = pytest.mark.usefixtures("driver")

DEADLINE = 120
NAME = "test"


class Handled:
    """Keeps the positions that were handled, by partition."""

    def __init__(self) -> None:
        self.done: dict[Partition, list[int]] = {}

    def handler(self) -> Handler:
        return Handler(self.done)


class Handler:
    def __init__(self, done: dict[Partition, list[int]]) -> None:
        self._done = done

    async def begin(self, checkpoint: Checkpoint) -> None:
        self._of = checkpoint.partition

    async def handle(self, commits: Sequence[Commit]) -> bool:
        self._done.setdefault(self._of, []).extend(commit.position for commit in commits)
        return True


@pytest.fixture
async def rig(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[Rig]:
    async with open_rig(mongo_url, redis_url, database, poll_interval=0.05) as rig:
        yield rig


def group(rig: Rig, work: ConsumerDefinition, partitions: int = 1, lease_time: float = 10.0) -> ConsumerGroup:
    parts = (rig.database, rig.feed, rig.checkpoints, rig.wakeups)
    return ConsumerGroup({NAME: work}, *parts, tick=0.05, lease_time=lease_time, partitions=partitions)


async def stands(rig: Rig, condition: Callable[[ConsumerState], bool]) -> ConsumerState:
    """The consumer once the condition holds for it."""
    async with asyncio.timeout(DEADLINE):
        while not condition(state := await rig.checkpoints.state(NAME)):
            await asyncio.sleep(0.02)
    return state


def loads(state: ConsumerState) -> list[int]:
    """The number of partitions of each owner; -1 if one is free."""
    if state.active is None:
        return [-1]
    owners = Counter(one.owner for one in state.generations[state.active].partitions)
    return [-1] if None in owners else sorted(owners.values())


async def test_processes_that_come_and_go_share_the_partitions_fairly_and_each_partition_sees_all(
    rig: Rig,
) -> None:
    handled, work = Handled(), {"partitions": 5, "lease_time": 600}
    groups = [group(rig, ConsumerDefinition("", handled.handler), **work) for _ in range(3)]
    await rig.write("abc")
    await groups[0].start()
    await stands(rig, lambda state: loads(state) == [5] and state.position == 3)
    await groups[1].start()
    await stands(rig, lambda state: loads(state) == [2, 3])
    await groups[2].start()
    await stands(rig, lambda state: loads(state) == [1, 2, 2])
    await rig.write("de")
    await groups[0].stop()
    await stands(rig, lambda state: loads(state) == [2, 3] and state.position == 5)
    await groups[1].stop()
    await stands(rig, lambda state: loads(state) == [5])
    await groups[2].stop()
    assert handled.done.keys() == {Partition(number, 5) for number in range(5)}
    for positions in handled.done.values():
        assert positions == [1, 2, 3, 4, 5], "nothing is handled twice because its partition moves"


async def test_consumers_come_and_go_while_a_group_runs(rig: Rig) -> None:
    """A new one begins where it is told to, and a removed one moves no more."""

    async def after_the_first() -> int:
        return 1

    former, later = Handled(), Handled()
    running = group(rig, ConsumerDefinition("", former.handler))
    await rig.write("ab")
    await running.start()
    await stands(rig, lambda state: state.position == 2)
    running.replace_consumers({"later": ConsumerDefinition("", later.handler, find_start=after_the_first)})
    async with asyncio.timeout(DEADLINE):
        while await rig.checkpoints.position("later") < 2:
            await asyncio.sleep(0.02)
        await rig.write("c")
        while await rig.checkpoints.position("later") < 3:
            await asyncio.sleep(0.02)
    await running.stop()
    assert later.done == {Partition(): [2, 3]}
    assert former.done == {Partition(): [1, 2]}


async def test_the_partitions_of_a_dead_process_are_taken_over_when_its_leases_end(rig: Rig) -> None:
    await Generations(rig.database).open(NAME)
    (seen,) = (await rig.checkpoints.state(NAME)).generations[1].partitions
    dead = await PartitionLeases(rig.database, "dead", 1.5).take(NAME, 1, seen)
    assert dead is not None
    standby = group(rig, ConsumerDefinition("", Handled().handler))
    await standby.start()
    await rig.write("ab")
    await stands(rig, lambda state: state.position == 2)
    await standby.stop()
    assert not await rig.checkpoints.save(dead[0], 3)


async def test_a_lease_is_kept_however_long_a_batch_takes(rig: Rig) -> None:
    """Longer than the lease lasts, with another process that waits for it."""
    entered, leave = asyncio.Event(), asyncio.Event()

    class Slow(Handler):
        async def handle(self, commits: Sequence[Commit]) -> bool:
            entered.set()
            await leave.wait()
            return True

    busy = group(rig, ConsumerDefinition("", lambda: Slow({})), lease_time=4.0)
    waiting = group(rig, ConsumerDefinition("", Handled().handler), lease_time=4.0)
    await rig.write("a")
    await busy.start()
    await entered.wait()
    await waiting.start()
    ends: set[datetime] = set()
    async with asyncio.timeout(DEADLINE):
        while len(ends) < 4:
            stored = await rig.database["consumers"].find_one({"_id": NAME})
            assert stored is not None
            partition = stored["generations"]["1"]["partitions"]["0"]
            assert partition["epoch"] == 1
            ends.add(partition["until"])
            await asyncio.sleep(0.05)
    leave.set()
    await stands(rig, lambda state: state.position == 1)
    await waiting.stop()
    await busy.stop()


async def test_a_process_with_other_code_stands_by_while_one_with_the_right_code_runs(rig: Rig) -> None:
    old, new = Handled(), Handled()
    ours = group(rig, ConsumerDefinition("new", new.handler))
    theirs = group(rig, ConsumerDefinition("old", old.handler))
    await theirs.start()
    await stands(rig, lambda state: loads(state) == [1])
    number = await Generations(rig.database).begin(NAME, "new")
    await ours.start()
    await rig.write("ab")
    state = await stands(rig, lambda one: all(g.position == 2 for g in one.generations.values()))
    holders = [state.generations[one].partitions[0].owner for one in (1, number)]
    assert len(set(holders)) == 2
    seen = state.generations[number].partitions[0]
    leader = await steal(rig.database, NAME, number, seen, term=60, code="new")
    leases = PartitionLeases(rig.database, "switching", 60)
    held = await leases.take_over(state, 1)
    assert leader is not None
    assert held is not None
    assert await Generations(rig.database).switch(leader, held, 2)
    await leases.release([leader])
    await stands(rig, lambda one: one.generations[number].partitions[0].owner == holders[1])
    await rig.write("c")
    await stands(rig, lambda one: one.position == 3)
    await ours.stop()
    await rig.write("d")
    await stands(rig, lambda one: one.position == 4)
    await theirs.stop()
    assert new.done[Partition()] == [1, 2, 3]
    # What came before it noticed that it had lost the lease, it may have handled too, and did not count.
    assert [position for position in old.done[Partition()] if position != 3] == [1, 2, 4]


async def test_a_generation_is_led_by_the_process_that_has_its_first_partition(rig: Rig) -> None:
    leading: list[PartitionLease] = []
    history: list[list[int]] = []
    """The epochs of those that led, after each change."""
    failures = 2

    async def lead(lease: PartitionLease) -> None:
        nonlocal failures
        if failures:
            failures -= 1
            raise RuntimeError("not yet")
        leading.append(lease)
        history.append([each.epoch for each in leading])
        try:
            await asyncio.Event().wait()
        finally:
            leading.remove(lease)
            history.append([each.epoch for each in leading])

    async def led(epoch: int) -> None:
        async with asyncio.timeout(DEADLINE):
            while [lease.epoch for lease in leading] != [epoch]:
                await asyncio.sleep(0.02)

    work = ConsumerDefinition("", Handled().handler, lead)
    groups = [group(rig, work, partitions=2) for _ in range(2)]
    await groups[0].start()
    await led(1)
    await groups[1].start()
    await stands(rig, lambda state: loads(state) == [1, 1])
    await led(1)
    assert leading[0].partition == Partition(0, 2)
    seen = (await rig.checkpoints.state(NAME)).generations[1].partitions[0]
    assert await steal(rig.database, NAME, 1, seen, term=0.3)
    # It may be handed on soon, to share the partitions again.
    async with asyncio.timeout(DEADLINE):
        while [seen.epoch + 2] not in history:
            await asyncio.sleep(0.02)
    for one in groups:
        await one.stop()
    assert leading == []


async def test_a_cancelled_generation_stands_still_until_it_is_resumed(rig: Rig) -> None:
    generations, handled = Generations(rig.database), Handled()
    running = group(rig, ConsumerDefinition("", handled.handler))
    await running.start()
    await rig.write("a")
    await stands(rig, lambda state: state.position == 1)
    number = await generations.begin(NAME, "")
    await stands(rig, lambda state: state.generations[number].position == 1)
    await generations.cancel(NAME, number)
    await rig.write("b")
    await stands(rig, lambda state: state.position == 2)
    assert (await generations.resume(NAME, number)).generations[number].position == 1
    await stands(rig, lambda state: state.generations[number].position == 2)
    await running.stop()

"""I9: a switch is made where the new generation has all that anybody can have seen, and else not at all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest

from projections.querying.locator import consumer_name
from projections.rebuilding.generation_switch import GenerationSwitch
from projections.rebuilding.rebuild_context import RebuildContext
from subscriptions.consumers.generations import Generations
from subscriptions.consumers.partition_leases import PartitionLease, PartitionLeases
from subscriptions.consumers.state import ConsumerState
from tests.helpers.note_rig import Rig, open_rig
from tests.helpers.notes import Written
from tests.helpers.stolen_leases import steal

LOG = 5


class Built(NamedTuple):
    """A view of which generation 1 is at the end of the log, and generation 2 is held by the test."""

    rig: Rig
    context: RebuildContext
    old: PartitionLease
    new: PartitionLease

    async def state(self) -> ConsumerState:
        return await self.rig.checkpoints.state(consumer_name(self.rig.view))

    async def switch(self, max_standstill: float = 30.0) -> bool:
        return await self.switch_if(True, max_standstill)

    async def switch_if(self, allowed: bool, max_standstill: float = 30.0) -> bool:
        async def may_switch() -> bool:
            return allowed

        switch = GenerationSwitch(self.rig.view, self.new, self.context, may_switch, max_standstill)
        return await switch.run(await self.state())


@pytest.fixture
async def built(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[Built]:
    async with open_rig(mongo_url, redis_url, database) as rig:
        await rig.write(map(str, range(LOG)))
        generations, consumer = Generations(rig.database), consumer_name(rig.view)
        await generations.open(consumer, "old")
        await generations.begin(consumer, "new")
        state = await rig.checkpoints.state(consumer)
        leases = PartitionLeases(rig.database, "the test", 60)
        held = [await leases.take(consumer, n, state.generations[n].partitions[0]) for n in (1, 2)]
        old, new = (taken[0] for taken in held if taken is not None)
        assert await rig.checkpoints.save(old, LOG)
        context = RebuildContext(rig.database, rig.log, rig.checkpoints, generations, rig.wakeups, 0.05)
        yield Built(rig, context, old, new)


async def test_a_generation_behind_the_log_is_not_switched_to(
    built: Built,
) -> None:
    await built.rig.checkpoints.save(built.new, LOG - 1)
    assert not await built.switch(0.2)
    assert (await built.state()).active == 1
    assert await built.rig.checkpoints.save(built.old, LOG)


async def test_a_generation_that_falls_behind_is_not_switched_to_and_the_old_one_is_released(
    built: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit after the take-over may have been read by the former owner of the leases."""
    await built.rig.checkpoints.save(built.new, LOG)
    take_over = PartitionLeases.take_over

    async def and_append(
        leases: PartitionLeases, state: ConsumerState, number: int
    ) -> list[PartitionLease] | None:
        held = await take_over(leases, state, number)
        await built.rig.append("note-late", Written(text="late"))
        return held

    monkeypatch.setattr(PartitionLeases, "take_over", and_append)
    assert not await built.switch(2.0)
    state = await built.state()
    assert state.active == 1
    assert not await built.rig.checkpoints.save(built.old, LOG), "its former owner cannot write"
    assert state.generations[1].partitions[0].owner is None, "and it is free"


async def test_a_generation_that_has_caught_up_replaces_the_old_one(built: Built) -> None:
    await built.rig.checkpoints.save(built.new, LOG)
    assert await built.switch()
    state = await built.state()
    assert (state.active, state.position) == (2, LOG)
    assert not await built.rig.checkpoints.save(built.old, LOG + 1)


async def test_a_generation_whose_lease_is_lost_is_not_switched_to(built: Built) -> None:
    await built.rig.checkpoints.save(built.new, LOG)
    (seen,) = (await built.state()).generations[2].partitions
    assert await steal(built.rig.database, built.new.consumer, 2, seen, term=60)
    assert not await built.switch()
    state = await built.state()
    assert (state.active, state.generations[1].partitions[0].owner) == (1, None)


async def test_a_generation_with_objections_at_the_end_of_the_log_is_not_switched_to(built: Built) -> None:
    await built.rig.checkpoints.save(built.new, LOG)
    assert not await built.switch_if(False)
    assert (await built.state()).active == 1
    assert await built.switch_if(True)

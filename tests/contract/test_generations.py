"""Generations of a durable consumer: begun, cancelled, resumed, switched and forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass, replace
from typing import Any

import pytest

from domain.kernel.errors import InvariantViolated, NotFound
from eventstore.mongo.driver import Database, open_client
from subscriptions.consumers.checkpoints import Checkpoints
from subscriptions.consumers.consumer_update import SLOTS
from subscriptions.consumers.generations import Generations
from subscriptions.consumers.partition_leases import PartitionLease, PartitionLeases
from subscriptions.consumers.state import ConsumerState, GenerationState
from tests.helpers.drivers import chosen_driver
from tests.helpers.stolen_leases import steal

pytestmark = pytest.mark.usefixtures("driver")

NAME = "test"
TERM = 600.0


@dataclass
class Consumed:
    """A consumer of two partitions, and what is done with it."""

    database: Database

    def __post_init__(self) -> None:
        self.checkpoints = Checkpoints(self.database)
        self.generations = Generations(self.database)

    async def state(self) -> ConsumerState:
        return await self.checkpoints.state(NAME)

    async def states(self) -> dict[int, GenerationState]:
        return {one.number: one.state for one in (await self.state()).generations.values()}

    async def take(self, generation: int, partition: int = 0) -> PartitionLease:
        seen = (await self.state()).generations[generation].partitions[partition]
        taken = await PartitionLeases(self.database, "worker", TERM).take(NAME, generation, seen, code="a")
        assert taken is not None
        return taken[0]

    async def work(self, generation: int, *positions: int) -> list[PartitionLease]:
        """Take all partitions, and save a checkpoint for each."""
        leases = [await self.take(generation, i) for i in range(len(positions))]
        for lease, position in zip(leases, positions, strict=True):
            assert await self.checkpoints.save(lease, position)
        return leases

    async def hold(self, generation: int = 1) -> list[PartitionLease]:
        """Take over all partitions, so that no process moves any."""
        held = await PartitionLeases(self.database, "switching", TERM).take_over(
            await self.state(), generation
        )
        assert held is not None
        return held

    async def begin(self, code: str = "b") -> int:
        return await self.generations.begin(NAME, code, 2)


@pytest.fixture
async def consumed(mongo_url: str, database: str) -> AsyncIterator[Consumed]:
    async with open_client(mongo_url, chosen_driver()) as client:
        consumed = Consumed(client[database])
        await consumed.generations.open(NAME, "a", 2)
        yield consumed


async def refused(change: Coroutine[Any, Any, object], saying: str) -> None:
    with pytest.raises(InvariantViolated, match=saying):
        await change


async def test_a_new_generation_leaves_the_active_one_alone(consumed: Consumed) -> None:
    await consumed.work(1, 7, 9)
    before = (await consumed.state()).generations[1]
    assert await consumed.begin() == 2
    state = await consumed.state()
    assert (state.active, state.position, state.furthest) == (1, 7, 9)
    after = state.generations[1]
    assert (after.state, after.code, after.position, after.begun_at) == (
        GenerationState.ACTIVE, "a", 7, before.begun_at
    )  # fmt: skip
    new = state.generations[2]
    assert (new.state, new.code, new.position, len(new.partitions)) == (GenerationState.BUILDING, "b", 0, 2)
    assert new.begun_at >= before.begun_at


async def test_of_many_processes_that_begin_one_at_once_one_succeeds(consumed: Consumed) -> None:
    begun = await asyncio.gather(*(consumed.begin() for _ in range(10)), return_exceptions=True)
    assert [one for one in begun if not isinstance(one, InvariantViolated)] == [2]
    assert await consumed.states() == {1: GenerationState.ACTIVE, 2: GenerationState.BUILDING}


async def test_a_cancelled_generation_stops_at_once_and_is_resumed_from_where_it_was(
    consumed: Consumed,
) -> None:
    number = await consumed.begin()
    first, second = await consumed.work(number, 5, 4)
    cancelled = await consumed.generations.cancel(NAME, number)
    assert cancelled.generations[number].state is GenerationState.CANCELLED
    assert not await consumed.checkpoints.save(first, 8)
    assert not await consumed.checkpoints.save(second, 8)
    assert (await consumed.generations.cancel(NAME, number)).revision == cancelled.revision
    resumed = await consumed.generations.resume(NAME, number)
    generation = resumed.generations[number]
    assert (generation.state, generation.position, generation.furthest) == (GenerationState.BUILDING, 4, 5)
    assert (await consumed.generations.resume(NAME, number)).revision == resumed.revision
    await consumed.work(number, 8, 8)


async def test_a_cancelled_generation_makes_room_for_another(consumed: Consumed) -> None:
    await consumed.generations.cancel(NAME, await consumed.begin())
    assert await consumed.begin() == 3
    assert await consumed.states() == {1: GenerationState.ACTIVE, 3: GenerationState.BUILDING}


async def test_generations_of_one_time_have_different_slots(consumed: Consumed) -> None:
    """However many are begun and forgotten: no number comes twice, and none of the active one's place."""
    numbers = []
    for _ in range(8):
        numbers.append(await consumed.begin())
        states = await consumed.states()
        assert len({number % SLOTS for number in states}) == len(states)
        await consumed.generations.cancel(NAME, numbers[-1])
        if len(numbers) == 4:
            await consumed.generations.resume(NAME, numbers[-1])
            (leader, _) = await consumed.work(numbers[-1], 0, 0)
            assert await consumed.generations.switch(leader, await consumed.hold(), 0)
    assert sorted(set(numbers)) == numbers


async def test_a_switch_activates_the_new_generation_and_keeps_the_former_one(
    consumed: Consumed,
) -> None:
    old = await consumed.work(1, 7, 9)
    leader, _ = await consumed.work(await consumed.begin(), 10, 12)
    held = await consumed.hold()
    assert not await consumed.checkpoints.save(old[0], 11), "no process moves it any more"
    assert await consumed.generations.switch(leader, held, 10)
    assert await consumed.states() == {1: GenerationState.KEPT, 2: GenerationState.ACTIVE}
    state = await consumed.state()
    assert (state.active, state.position) == (2, 10)
    assert await consumed.checkpoints.save(leader, 13), "its worker goes on"
    leader, _ = await consumed.work(await consumed.begin(), 20, 20)
    assert await consumed.generations.switch(leader, await consumed.hold(2), 20)
    assert await consumed.states() == {2: GenerationState.KEPT, 3: GenerationState.ACTIVE}, (
        "the first one is over"
    )


async def test_a_switch_without_one_of_its_conditions_changes_nothing(consumed: Consumed) -> None:
    number = await consumed.begin()
    leader, other = await consumed.work(number, 10, 9)
    held = await consumed.hold()
    switch = consumed.generations.switch
    assert not await switch(leader, held, 10), "one partition is not there yet"
    assert await consumed.checkpoints.save(other, 10)
    assert not await switch(leader, held[:1], 10), "another process may move the rest"
    assert not await switch(replace(leader, epoch=leader.epoch - 1), held, 10), "it is led by another"
    seen = (await consumed.state()).generations[1].partitions[1]
    assert await steal(consumed.database, NAME, 1, seen, TERM)
    assert not await switch(leader, held, 10), "a lease is lost"
    held = await consumed.hold()
    await consumed.generations.cancel(NAME, number)
    assert not await switch(leader, held, 10), "it is cancelled"
    await consumed.generations.remove(NAME, number)
    assert not await switch(leader, held, 10), "it is forgotten"
    assert await consumed.states() == {1: GenerationState.ACTIVE}


async def test_of_a_concurrent_switch_and_cancellation_one_succeeds(consumed: Consumed) -> None:
    for _ in range(5):
        number = await consumed.begin()
        leader, _ = await consumed.work(number, 3, 3)
        active = (await consumed.state()).active
        assert active is not None
        held = await consumed.hold(active)
        switched, cancelled = await asyncio.gather(
            consumed.generations.switch(leader, held, 3),
            consumed.generations.cancel(NAME, number),
            return_exceptions=True,
        )
        state = (await consumed.states())[number]
        if switched:
            assert isinstance(cancelled, InvariantViolated)
            assert state is GenerationState.ACTIVE
        else:
            assert isinstance(cancelled, ConsumerState)
            assert state is GenerationState.CANCELLED


async def test_a_kept_generation_can_be_resumed_and_activated_again(consumed: Consumed) -> None:
    await consumed.work(1, 7, 7)
    leader, _ = await consumed.work(await consumed.begin(), 7, 7)
    held = await consumed.hold()
    assert await consumed.generations.switch(leader, held, 7)
    await PartitionLeases(consumed.database, "switching", TERM).release(held)
    await consumed.generations.resume(NAME, 1)
    leader, _ = await consumed.work(1, 9, 9)
    assert await consumed.generations.switch(leader, await consumed.hold(2), 9)
    assert await consumed.states() == {1: GenerationState.ACTIVE, 2: GenerationState.KEPT}


async def test_a_running_generation_is_not_removed_and_a_missing_one_is_reported(
    consumed: Consumed,
) -> None:
    generations, number = consumed.generations, await consumed.begin()
    await refused(generations.remove(NAME, 1), "generation 1 of test is active")
    await refused(generations.remove(NAME, number), "is building; cancel it first")
    await refused(generations.cancel(NAME, 1), "is not being built")
    await refused(generations.resume(NAME, 1), "is the active one")
    await refused(consumed.begin(), "is being built already")
    for change in (generations.remove, generations.cancel, generations.resume):
        with pytest.raises(NotFound):
            await change(NAME, 9)
    with pytest.raises(NotFound):
        await generations.begin("nothing", "a")
    await generations.cancel(NAME, number)
    assert list((await generations.remove(NAME, number)).generations) == [1]


async def test_only_the_leader_of_a_generation_saves_its_notes(consumed: Consumed) -> None:
    leader = await consumed.take(1)
    assert await consumed.generations.save_notes(leader, {"rate": 2.5, "phase": {"name": "FOLDING"}})
    assert not await consumed.generations.save_notes(replace(leader, epoch=9), {})
    notes = (await consumed.state()).generations[1].notes
    assert notes == {"rate": 2.5, "phase": {"name": "FOLDING"}}


async def test_a_held_generation_is_worked_on_and_activated_once_it_is_approved(
    consumed: Consumed,
) -> None:
    number = await consumed.begin()
    leader, _ = await consumed.work(number, 10, 10)
    with pytest.raises(InvariantViolated, match="is not held"):
        await consumed.generations.approve(NAME, number)
    assert await consumed.generations.hold(leader, {"why": "it is broken"})
    assert await consumed.states() == {1: GenerationState.ACTIVE, number: GenerationState.HELD}
    assert (await consumed.state()).generations[number].notes == {"why": "it is broken"}
    assert await consumed.checkpoints.save(leader, 11), "it is worked on"
    with pytest.raises(InvariantViolated, match="is being built already"):
        await consumed.begin()
    approved = await consumed.generations.approve(NAME, number)
    assert approved.generations[number].approved
    assert not await consumed.generations.hold(leader, {}), "an approved generation is not held"
    assert await consumed.generations.switch(leader, await consumed.hold(), 10)
    state = await consumed.state()
    assert (state.active, state.generations[1].proven) == (number, True)


async def test_an_approval_does_not_outlive_a_cancellation(consumed: Consumed) -> None:
    number = await consumed.begin()
    leader, _ = await consumed.work(number, 1, 1)
    assert await consumed.generations.hold(leader, {})
    await consumed.generations.approve(NAME, number)
    await consumed.generations.cancel(NAME, number)
    resumed = await consumed.generations.resume(NAME, number)
    assert not resumed.generations[number].approved
    assert not await consumed.generations.hold(leader, {}), "the lease is lost"

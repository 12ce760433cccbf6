"""Leases and checkpoints of durable consumers: guarded by epochs, timed by the server's clock alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest

from eventstore.mongo.driver import Database, open_client
from subscriptions.consumers.checkpoints import Checkpoints
from subscriptions.consumers.generations import Generations
from subscriptions.consumers.partition_leases import PartitionLease, PartitionLeases
from subscriptions.consumers.state import PartitionState
from tests.helpers.drivers import chosen_driver

pytestmark = pytest.mark.usefixtures("driver")

LONG = 600.0


@dataclass
class Consumed:
    """A consumer's document, and what is done with it."""

    database: Database

    def __post_init__(self) -> None:
        self.checkpoints = Checkpoints(self.database)
        self.generations = Generations(self.database)

    async def seen(self, generation: int = 1, partition: int = 0) -> PartitionState:
        state = await self.checkpoints.state("test")
        return state.generations[generation].partitions[partition]

    def leases(self, owner: str, term: float = LONG) -> PartitionLeases:
        return PartitionLeases(self.database, owner, term)

    async def take(self, owner: str, term: float = LONG) -> PartitionLease | None:
        taken = await self.leases(owner, term).take("test", 1, await self.seen())
        return taken and taken[0]

    async def request(self, owner: str) -> None:
        await self.leases(owner).request("test", 1, await self.seen())


@pytest.fixture
async def consumed(mongo_url: str, database: str) -> AsyncIterator[Consumed]:
    async with open_client(mongo_url, chosen_driver()) as client:
        consumed = Consumed(client[database])
        await consumed.generations.open("test")
        yield consumed


async def test_of_many_processes_that_take_one_partition_at_once_one_gets_it(consumed: Consumed) -> None:
    taken = await asyncio.gather(*(consumed.take(f"owner {i}") for i in range(12)))
    (lease,) = filter(None, taken)
    seen = await consumed.seen()
    assert lease.epoch == seen.epoch == 1
    assert seen.owner == f"owner {taken.index(lease)}"


async def test_a_lease_is_not_taken_before_its_end_and_then_its_former_owner_cannot_write(
    consumed: Consumed,
) -> None:
    first = await consumed.take("first")
    assert first is not None
    assert await consumed.take("second") is None
    assert await consumed.checkpoints.save(replace(first, term=0), 5)
    second = await consumed.take("second")
    assert second is not None
    assert second.epoch > first.epoch
    assert not await consumed.checkpoints.save(first, 9)
    leases = consumed.leases("first")
    assert not await leases.renew(first)
    await leases.release([first])
    seen = await consumed.seen()
    assert (seen.owner, seen.position) == ("second", 5)


async def test_an_expired_lease_is_free_and_its_owner_may_go_on_until_it_is_taken(
    consumed: Consumed,
) -> None:
    first = await consumed.take("first", term=0)
    assert first is not None
    assert (await consumed.seen()).owner is None
    assert await consumed.checkpoints.save(first, 5)
    second = await consumed.take("second")
    assert second is not None
    assert not await consumed.checkpoints.save(first, 6)
    assert (await consumed.seen()).position == 5


@pytest.mark.parametrize("save", [False, True])
async def test_a_write_of_the_owner_extends_the_lease(consumed: Consumed, *, save: bool) -> None:
    taken = await consumed.take("first", term=0)
    assert taken is not None
    lease = replace(taken, term=LONG)
    leases = consumed.leases("first")
    assert await (consumed.checkpoints.save(lease, 1) if save else leases.renew(lease))
    seen = await consumed.seen()
    assert (seen.owner, seen.position) == ("first", int(save))
    assert LONG - 60 < seen.left <= LONG
    assert await consumed.take("second") is None


async def test_a_released_lease_can_be_taken_at_once(consumed: Consumed) -> None:
    first = await consumed.take("first")
    assert first is not None
    await consumed.leases("first").release([first])
    assert (await consumed.seen()).owner is None
    assert await consumed.take("second") is not None


async def test_a_late_save_does_not_keep_a_released_lease(consumed: Consumed) -> None:
    """Its process gave up waiting for it, and released the lease before the server carried it out."""
    first = await consumed.take("first")
    assert first is not None
    await consumed.leases("first").release([first])
    assert await consumed.checkpoints.save(first, 5)
    assert (await consumed.seen()).owner is None
    taken = await consumed.leases("second").take("test", 1, await consumed.seen())
    assert taken is not None
    assert taken[1] == 5


async def test_a_lease_that_was_taken_since_it_was_seen_is_not_taken(consumed: Consumed) -> None:
    """Even if it has ended again: the decision to take it was made on an outdated state."""
    stale = await consumed.seen()
    assert await consumed.take("first", term=0) is not None
    assert await consumed.leases("late").take("test", 1, stale) is None


async def test_a_partition_has_the_successor_that_asked_first_until_it_is_taken(consumed: Consumed) -> None:
    """Its owner goes on with it meanwhile, and saves what it has done."""
    first = await consumed.take("first")
    assert first is not None
    await consumed.request("second")
    await consumed.request("third")
    seen = await consumed.seen()
    assert (seen.owner, seen.successor, seen.next_owner) == ("first", "second", "second")
    assert await consumed.checkpoints.save(first, 5)
    await consumed.leases("first").release([first])
    seen = await consumed.seen()
    assert (seen.owner, seen.successor, seen.position) == (None, "second", 5)
    assert await consumed.take("second") is not None
    seen = await consumed.seen()
    assert (seen.owner, seen.successor) == ("second", None)


async def test_a_process_withdraws_its_own_requests_alone(consumed: Consumed) -> None:
    """So a partition is not kept for one that stops before it could take it."""
    assert await consumed.take("first") is not None
    await consumed.request("second")
    await consumed.leases("third").withdraw([("test", 1, 0)])
    assert (await consumed.seen()).successor == "second"
    await consumed.leases("second").withdraw([("test", 1, 0), ("test", 2, 0), ("other", 1, 0)])
    assert (await consumed.seen()).successor is None


async def test_partitions_that_are_taken_over_are_kept_for_no_successor(consumed: Consumed) -> None:
    assert await consumed.take("first") is not None
    await consumed.request("second")
    assert await consumed.leases("third").take_over(await consumed.checkpoints.state("test"), 1) is not None
    seen = await consumed.seen()
    assert (seen.owner, seen.successor) == ("third", None)


async def test_a_partition_is_not_kept_for_long_for_a_successor_that_does_not_take_it(
    consumed: Consumed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have ended meanwhile."""
    first = await consumed.take("first")
    assert first is not None
    await consumed.request("second")
    await consumed.leases("first").release([first])
    assert (await consumed.seen()).successor == "second"
    monkeypatch.setattr("subscriptions.consumers.state.RESERVED_FOR", -1.0)
    assert (await consumed.seen()).successor is None


async def test_a_checkpoint_never_goes_back(consumed: Consumed) -> None:
    lease = await consumed.take("first")
    assert lease is not None
    for position in (7, 3):
        assert await consumed.checkpoints.save(lease, position)
        assert await consumed.checkpoints.position("test") == 7


async def test_processes_that_open_a_consumer_at_once_share_one_generation(consumed: Consumed) -> None:
    opened = await asyncio.gather(*(consumed.generations.open("new") for _ in range(20)))
    assert {(one.active, one.last, one.revision) for one in opened} == {(1, 1, 1)}


async def test_a_dropped_generation_takes_no_checkpoint_and_its_number_does_not_come_again(
    consumed: Consumed,
) -> None:
    lease = await consumed.take("first")
    assert lease is not None
    assert await consumed.checkpoints.save(lease, 4)
    dropped = await consumed.generations.drop("test")
    assert (dropped.active, dropped.position) == (1, 4)
    assert not await consumed.checkpoints.save(lease, 5)
    assert await consumed.checkpoints.furthest() == {}
    assert (await consumed.generations.open("test")).active == 2
    assert not await consumed.checkpoints.save(lease, 5)
    assert await consumed.checkpoints.furthest() == {"test": 0}
    assert (await consumed.generations.drop("nothing")).last == 0


async def test_events_are_counted_once_however_often_a_checkpoint_is_saved(consumed: Consumed) -> None:
    lease = await consumed.take("first")
    assert lease is not None
    for position, events in ((3, 7), (3, 7), (5, 2), (4, 1)):
        assert await consumed.checkpoints.save(lease, position, events)
    seen = await consumed.seen()
    assert (seen.position, seen.events) == (5, 9)

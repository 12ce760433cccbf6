"""A lease with a document of its own: one process has it at a time, by the server's clock alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from eventstore.mongo.driver import Collection, open_client
from eventstore.mongo.lease import NamedLease
from tests.helpers.drivers import chosen_driver

pytestmark = pytest.mark.usefixtures("driver")

LONG = 600.0
SHORT = 0.3


@pytest.fixture
async def collection(mongo_url: str, database: str) -> AsyncIterator[Collection]:
    async with open_client(mongo_url, chosen_driver()) as client:
        yield client[database]["meta"]


async def test_of_many_processes_that_take_a_lease_at_once_one_gets_it(collection: Collection) -> None:
    leases = await asyncio.gather(*(NamedLease(collection, "work", LONG).take() for _ in range(12)))
    assert len([lease for lease in leases if lease is not None]) == 1


async def test_leases_of_other_names_are_independent(collection: Collection) -> None:
    assert await NamedLease(collection, "work", LONG).take() is not None
    assert await NamedLease(collection, "other work", LONG).take() is not None


async def test_a_released_lease_is_free_at_once_and_has_a_higher_epoch_next(collection: Collection) -> None:
    work = NamedLease(collection, "work", LONG)
    first = await work.take()
    assert first is not None
    assert await work.take() is None
    await work.release(first)
    second = await NamedLease(collection, "work", LONG).take()
    assert second is not None
    assert second.epoch > first.epoch


async def test_an_expired_lease_is_taken_and_its_former_owner_can_neither_write_nor_release(
    collection: Collection,
) -> None:
    former = NamedLease(collection, "work", SHORT)
    lost = await former.take()
    assert lost is not None
    await asyncio.sleep(2 * SHORT)
    taken = await NamedLease(collection, "work", LONG).take()
    assert taken is not None
    assert (await collection.update_one(lost.guard, lost.extension(done=True))).matched_count == 0
    assert (await collection.update_one(taken.guard, taken.extension(done=True))).matched_count == 1
    await former.release(lost)
    assert await former.take() is None, "it is still the lease of the other process"

"""Updates that arrive during a write share the next one, and each gets its own answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, cast

import pytest
from pymongo.errors import OperationFailure

from eventstore.mongo.driver import Collection, open_client
from eventstore.mongo.grouped_updates import GroupedUpdates
from tests.helpers.drivers import chosen_driver

pytestmark = pytest.mark.usefixtures("driver")

COUNT = 20


class Observed:
    """A collection that records how many updates each write has."""

    def __init__(self, collection: Collection) -> None:
        self.stored = collection
        self.writes: list[int] = []

    async def bulk_write(self, requests: Sequence[Any], **options: Any) -> Any:
        self.writes.append(len(requests))
        return await self.stored.bulk_write(requests, **options)

    async def update_one(self, filter: Mapping[str, Any], update: Sequence[Mapping[str, Any]]) -> Any:
        self.writes.append(1)
        return await self.stored.update_one(filter, update)

    async def values(self) -> list[Any]:
        documents = await self.stored.find({}).sort([("_id", 1)]).to_list(None)
        return [document["value"] for document in documents]


@pytest.fixture
async def observed(mongo_url: str, database: str) -> AsyncIterator[Observed]:
    async with open_client(mongo_url, chosen_driver()) as client:
        collection = client[database]["grouped"]
        await collection.insert_many([{"_id": number, "value": 0} for number in range(COUNT)])
        yield Observed(collection)


@pytest.fixture
def updates(observed: Observed) -> GroupedUpdates:
    return GroupedUpdates(cast(Collection, observed))


def raised_to(value: Any) -> list[dict[str, Any]]:
    return [{"$set": {"value": {"$max": ["$value", value]}}}]


async def test_updates_of_one_turn_are_one_write(observed: Observed, updates: GroupedUpdates) -> None:
    asked = (updates.update({"_id": number}, raised_to(number)) for number in range(COUNT))
    assert await asyncio.gather(*asked) == [True] * COUNT
    assert observed.writes == [COUNT]
    assert await observed.values() == list(range(COUNT))


async def test_updates_during_a_write_share_the_next_one(observed: Observed, updates: GroupedUpdates) -> None:
    first = asyncio.create_task(updates.update({"_id": 0}, raised_to(7)))
    while not observed.writes:
        await asyncio.sleep(0)
    later = [updates.update({"_id": number}, raised_to(7)) for number in range(1, COUNT)]
    assert await asyncio.gather(first, *later) == [True] * COUNT
    assert observed.writes == [1, COUNT - 1]
    assert await observed.values() == [7] * COUNT


async def test_an_update_without_a_document_gets_its_own_answer(
    observed: Observed, updates: GroupedUpdates
) -> None:
    asked = (updates.update({"_id": number}, raised_to(7)) for number in range(COUNT + 2))
    assert await asyncio.gather(*asked) == [True] * COUNT + [False] * 2
    assert await observed.values() == [7] * COUNT
    assert not await updates.update({"_id": "none"}, raised_to(8))


async def test_an_update_that_mongodb_refuses_fails_alone(
    observed: Observed, updates: GroupedUpdates
) -> None:
    """Otherwise one consumer whose checkpoint cannot be saved would stop all others."""
    refused = [{"$set": {"value": {"$divide": [1, 0]}}}]
    asked = [updates.update({"_id": n}, refused if n == 1 else raised_to(7)) for n in range(3)]
    first, second, third = await asyncio.gather(*asked, return_exceptions=True)
    assert (first, third) == (True, True)
    assert isinstance(second, OperationFailure)
    assert (await observed.values())[:3] == [7, 0, 7]


async def test_an_error_reaches_each_request_and_the_next_update_is_written(
    observed: Observed, updates: GroupedUpdates
) -> None:
    wrong: list[dict[str, Any]] = [{"$no": {}}]
    asked = (updates.update({"_id": number}, wrong) for number in range(3))
    errors = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(error, Exception) for error in errors)
    assert await updates.update({"_id": 0}, raised_to(7))
    assert (await observed.values())[:3] == [7, 0, 0]


async def test_an_update_that_nobody_waits_for_any_more_is_not_written(
    observed: Observed, updates: GroupedUpdates
) -> None:
    first = asyncio.create_task(updates.update({"_id": 0}, raised_to(7)))
    while not observed.writes:
        await asyncio.sleep(0)
    gone, staying = (asyncio.create_task(updates.update({"_id": n}, raised_to(7))) for n in (1, 2))
    await asyncio.sleep(0)
    gone.cancel()
    assert all(await asyncio.gather(first, staying))
    assert gone.cancelled()
    assert (await observed.values())[:3] == [7, 0, 7]

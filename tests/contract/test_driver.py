"""What nerve relies on beyond the drivers' own promises."""

from __future__ import annotations

import asyncio
import random

from eventstore.mongo.driver import Document
from eventstore.mongo.reads import aggregate

INSTANTS = 150


async def test_an_aggregation_gives_all_that_its_stages_give(store):
    """Also what does not fit into one message."""
    await store.database["notes"].insert_many([{"_id": number, "of": number % 2} for number in range(3_000)])
    looked_up = {"from": "notes", "localField": "of", "foreignField": "of", "as": "note"}
    stages: list[Document] = [
        {"$match": {"_id": {"$in": [1, 3_000]}}},
        {"$set": {"large": "x" * 15_000}},
        {"$lookup": {**looked_up, "pipeline": [{"$sort": {"_id": 1}}]}},
        {"$unwind": "$note"},
    ]
    found = await aggregate(store.database["notes"], stages)
    assert [one["note"]["_id"] for one in found] == list(range(1, 3_000, 2))


async def test_a_cancellation_is_never_lost_whenever_it_comes(store):
    """Else a task that is stopped, or a wait that is over, would go on for ever."""

    async def go_on_for_ever():
        while True:
            await store.documents.find_one({"_id": 1})
            await store.documents.find({}).sort([("_id", 1)]).limit(1).to_list(None)
            await aggregate(store.documents, [{"$limit": 1}])

    chance = random.Random(1)
    for _ in range(INSTANTS):
        task = asyncio.create_task(go_on_for_ever())
        await asyncio.sleep(0.002 + chance.random() * 0.004)
        task.cancel()
        await asyncio.wait([task], timeout=10)
        assert task.cancelled()


async def test_a_cancellation_of_the_task_that_runs_stops_its_next_call(store):
    """As by Ctrl-C while the program computes: asyncio cancels the running task from the signal's handler."""
    await store.documents.find_one({"_id": 1})

    async def go_on_for_ever():
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await store.documents.find_one({"_id": 1})
        await asyncio.Event().wait()

    task = asyncio.create_task(go_on_for_ever())
    done, _ = await asyncio.wait([task], timeout=10)
    task.cancel()
    assert done
    assert task.cancelled()


async def test_a_call_that_cleans_up_after_a_cancellation_is_done(store):
    async def clean_up():
        try:
            await asyncio.Event().wait()
        finally:
            await store.database["notes"].insert_one({"_id": "clean"})

    task = asyncio.create_task(clean_up())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert await store.database["notes"].find_one({}) == {"_id": "clean"}

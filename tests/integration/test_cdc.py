"""Change data capture from a real collection: the view of its events equals it, and nothing comes twice."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import bson
import pytest
from bson import Binary, Code, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.datetime_ms import DatetimeMS

from api.cdc.capture import CaptureProgress
from api.cdc.change_reader import CANCEL_AGAIN_AFTER
from api.cdc.foreign_collection import ChangesLost, open_foreign_collection
from domain.kernel.errors import ConfigurationError
from tests.helpers.capture_rig import CaptureRig, open_capture_rig
from tests.helpers.standalone_mongod import StandaloneMongod

EVERY_TYPE: dict[str, Any] = {
    "_id": ObjectId(),
    "int32": 1,
    "int64": Int64(2**40),
    "double": 1.0,
    "nan": float("nan"),
    "infinity": float("-inf"),
    "text": "ä\0",
    "null": None,
    "date": datetime(2026, 1, 31, 12, 0, 0, 57_000, tzinfo=UTC),
    "early": datetime(1901, 1, 1, tzinfo=UTC),
    "far": DatetimeMS(2**50),
    "decimal": Decimal128("1.50"),
    "bytes": b"\0\1",
    "uuid": Binary(b"u" * 16, 4),
    "regex": Regex("^a", "i"),
    "timestamp": Timestamp(1, 2),
    "min": MinKey(),
    "max": MaxKey(),
    "link": DBRef("customers", 7, "shop"),
    "code": Code("f()"),
    "scoped": Code("f()", {"$x": 1}),
    "operators": {"$date": "no date", "$ref": 1, "$id": 2, "$$": 3},
    "list": [1, [2, {"a": 3}]],
}


@pytest.fixture
async def rig(mongo_url: str, database: str, target_database: str) -> AsyncIterator[CaptureRig]:
    async with open_capture_rig(mongo_url, database, target_database) as rig:
        yield rig


@pytest.fixture
def standalone(tmp_path: Path) -> Iterator[StandaloneMongod]:
    mongod = StandaloneMongod(tmp_path / "standalone")
    mongod.start()
    yield mongod
    mongod.kill()


async def test_a_collection_is_copied_and_its_changes_are_followed(rig: CaptureRig) -> None:
    """A run that finds nothing new records nothing."""
    rig.orders.insert_many([{"_id": n, "total": n} for n in range(1_200)])
    first = await rig.catch_up()
    assert (first.documents, first.copied, first.changes) == (1_200, 1_200, 0)
    rig.orders.insert_one({"_id": "new", "total": 0})
    rig.orders.update_one({"_id": 1}, {"$set": {"total": 5}, "$unset": {"none": 1}})
    rig.orders.replace_one({"_id": 2}, {"other": True})
    rig.orders.delete_many({"_id": {"$in": [3, 4]}})
    second = await rig.catch_up()
    assert (second.documents, second.copied, second.changes) == (0, 0, 5)
    assert sorted((await rig.types())[1_200:]) == ["deleted", "deleted", "inserted", "replaced", "updated"]
    assert await rig.rows() == rig.contents()
    third = await rig.catch_up()
    assert (third.copied, third.changes) == (0, 0)


async def test_what_changes_while_the_collection_is_copied_is_not_lost(rig: CaptureRig) -> None:
    """Also of documents that the copy has passed already."""
    rig.orders.insert_many([{"_id": n, "total": n} for n in range(1_200)])

    def write(progress: CaptureProgress) -> None:
        if progress.is_copying and progress.documents == 500:
            rig.orders.update_one({"_id": 0}, {"$set": {"total": -1}})
            rig.orders.delete_many({"_id": {"$in": [1, 1_100]}})
            rig.orders.insert_many([{"_id": -1}, {"_id": 1, "again": True}, {"_id": 2_000}])

    await rig.capture(write).run(until_caught_up=True)
    assert rig.orders.count_documents({}) == 1_201
    assert await rig.rows() == rig.contents()


async def test_every_type_of_values_is_what_the_collection_contains(rig: CaptureRig) -> None:
    deep: Any = 1
    for _ in range(80):
        deep = {"n": deep}
    rig.orders.insert_one({**EVERY_TYPE, "deep": deep})
    await rig.catch_up()
    rig.orders.insert_many(
        [{"_id": key} for key in (None, {"b": 1, "a": 2}, {"a": 2, "b": 1}, "x", 1.5, b"k")]
    )
    await rig.catch_up()
    assert await rig.rows() == rig.contents()
    assert len(rig.contents()) == 7


async def test_changes_that_are_read_again_are_recorded_once(rig: CaptureRig) -> None:
    """Also an update whose document is another one by now."""
    start = await rig.foreign.time()
    await rig.catch_up()
    rig.orders.insert_one({"_id": 1, "total": 1})
    rig.orders.update_one({"_id": 1}, {"$set": {"total": 2}})
    assert (await rig.catch_up()).changes == 2
    rig.orders.update_one({"_id": 1}, {"$set": {"total": 3}})
    assert (await rig.catch_up()).changes == 1
    await rig.rewind(start)
    assert (await rig.catch_up()).changes == 0
    assert await rig.types() == ["inserted", "updated", "updated"]
    assert await rig.rows() == rig.contents()


async def test_a_collection_with_images_has_each_document_before_and_after_its_change(
    rig: CaptureRig,
) -> None:
    """Without them, both updates would have the last document."""
    rig.orders.database.create_collection(rig.orders.name, changeStreamPreAndPostImages={"enabled": True})
    await rig.catch_up()
    rig.orders.insert_one({"_id": 1, "total": 1})
    rig.orders.update_one({"_id": 1}, {"$set": {"total": 2}})
    rig.orders.update_one({"_id": 1}, {"$set": {"total": 3, "lines": [{"sku": "a"}]}})
    rig.orders.delete_one({"_id": 1})
    await rig.catch_up()
    _, second, third, last = [event.data for event in await rig.events()]
    assert (second["before"], second["document"]) == ({"_id": 1, "total": 1}, {"_id": 1, "total": 2})
    assert sorted(third["changed_fields"]) == ["lines", "total"]
    assert last["before"] == {"_id": 1, "total": 3, "lines": [{"sku": "a"}]}
    assert await rig.rows() == {}


async def test_a_document_that_is_deleted_before_its_update_is_read_is_gone(rig: CaptureRig) -> None:
    await rig.catch_up()
    rig.orders.insert_one({"_id": 1, "total": 1})
    rig.orders.update_one({"_id": 1}, {"$set": {"total": 2}})
    rig.orders.delete_one({"_id": 1})
    await rig.catch_up()
    assert await rig.types() == ["inserted", "updated", "deleted"]
    assert await rig.rows() == {}


async def test_an_interrupted_capture_goes_on_where_it_was(rig: CaptureRig) -> None:
    """It is cancelled again and again, in its copy and after it, while others write."""
    chance = Random(14)
    rig.orders.insert_many([{"_id": n, "total": 0} for n in range(700)])
    for _ in range(4):
        task = asyncio.create_task(rig.capture().run())
        for _ in range(20):
            key = chance.randrange(750)
            rig.orders.update_one({"_id": key}, {"$inc": {"total": 1}}, upsert=chance.random() < 0.5)
            rig.orders.delete_one({"_id": chance.randrange(750)})
            await asyncio.sleep(chance.uniform(0, 0.01))
        # The driver may drop a cancellation.
        while not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=CANCEL_AGAIN_AFTER)
    await rig.catch_up()
    assert await rig.rows() == rig.contents()
    ids = [event.commit.command_id for event in await rig.events()]
    assert len(set(ids)) == len(ids)


async def test_a_second_copy_records_what_differs(rig: CaptureRig) -> None:
    """As after the oplog has lost the changes of a long pause."""
    rig.orders.insert_many([{"_id": n, "total": n} for n in range(5)])
    await rig.catch_up()
    rig.orders.update_one({"_id": 0}, {"$set": {"total": 9}})
    rig.orders.delete_one({"_id": 1})
    rig.orders.insert_one({"_id": 5, "total": 5})
    again = await rig.catch_up(copy_again=True)
    assert (again.documents, again.copied, again.changes) == (5, 3, 0)
    assert sorted((await rig.types())[5:]) == ["deleted", "inserted", "replaced"]
    assert all(event.data["copied"] for event in await rig.events())
    assert await rig.rows() == rig.contents()


async def test_a_collection_that_is_dropped_is_empty_and_its_successor_is_followed(rig: CaptureRig) -> None:
    rig.orders.insert_many([{"_id": n} for n in range(3)])
    await rig.catch_up()
    rig.orders.drop()
    rig.orders.insert_one({"_id": 1, "again": True})
    await rig.catch_up()
    assert await rig.rows() == rig.contents() == {"1": {"_id": 1, "again": True}}


async def test_changes_that_the_oplog_has_lost_need_a_new_copy(rig: CaptureRig) -> None:
    """The sentence says how."""
    await rig.catch_up()
    rig.orders.insert_one({"_id": 0})
    await rig.catch_up()
    state = await rig.states.load()
    assert state is not None
    assert state.token is not None
    kind, rest = state.token["_data"][:2], state.token["_data"][10:]
    await rig.states.advance(state, {"_data": f"{kind}00000001{rest}"})
    with pytest.raises(ChangesLost, match="with --snapshot"):
        await rig.catch_up()
    rig.orders.insert_one({"_id": 1})
    await rig.catch_up(copy_again=True)
    assert await rig.rows() == rig.contents()


async def test_a_name_stands_for_one_collection(
    rig: CaptureRig, mongo_url: str, target_database: str
) -> None:
    await rig.catch_up()
    async with open_foreign_collection(mongo_url, target_database, "others") as others:
        other = rig.capture_of(others)
        with pytest.raises(ConfigurationError, match="choose another --name"):
            await other.run(until_caught_up=True)


async def test_a_view_has_no_change_streams(rig: CaptureRig, mongo_url: str, target_database: str) -> None:
    rig.orders.database.command("create", "recent", viewOn="orders", pipeline=[])
    async with open_foreign_collection(mongo_url, target_database, "recent") as recent:
        with pytest.raises(ConfigurationError, match="recent is a view"):
            await recent.check()


async def test_a_server_that_is_no_replica_set_is_refused_in_one_sentence(
    standalone: StandaloneMongod,
) -> None:
    async with open_foreign_collection(standalone.url, "shop", "orders") as orders:
        with pytest.raises(ConfigurationError) as refused:
            await orders.check()
    assert re.search(r"shop\.orders has no change streams.*--replSet", str(refused.value))
    assert "\n" not in str(refused.value)


async def test_a_document_that_the_log_cannot_store_ends_the_capture(rig: CaptureRig) -> None:
    """It is named by its source, and its size is in the sentence."""
    rig.orders.insert_one({"_id": 1, "data": bson.Binary(b"x" * 12_000_000)})
    with pytest.raises(Exception, match=r"a document of shop\.orders has 16,\d{3},\d{3} bytes as JSON"):
        await rig.catch_up()

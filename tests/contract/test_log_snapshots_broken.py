"""Snapshots that do not count: broken ones, and those of other code, streams and histories."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.helpers.commits import Store
from tests.helpers.notes import Note
from tests.helpers.totals import EVERY, Process, Total


@pytest.fixture
async def process(store: Store) -> AsyncIterator[Process]:
    process = Process(store)
    yield process
    await process.rebuilder.close()


async def test_a_snapshot_of_other_code_does_not_count_and_is_replaced(process, caplog):
    await process.append(EVERY)
    await process.cold()
    right = await process.snapshot_at(5)
    other = {"fingerprint": "other", "version": 90, "state": b"{}", "marked": True}
    await process.store.database["snapshots"].update_one({}, {"$set": other})
    assert await process.cold() == (Total(5), 5)
    replaced = await process.snapshot_at(5)
    assert {name: replaced[name] for name in right} == right
    assert not caplog.records


async def test_an_aggregate_of_another_class_does_not_take_the_snapshot_for_its_own(process):
    await process.append(EVERY)
    await process.cold()
    await process.snapshot_at(5)
    assert await process.cold(kind=Note) == (Note(), 5)
    assert await process.cold() == (Total(5), 5)


BROKEN: list[dict[str, Any]] = [
    {"$set": {"state": b'{"sum":6}'}},
    {"$set": {"state": b"no JSON"}},
    {"$set": {"state": "text"}},
    {"$set": {"version": 4}},
    {"$set": {"version": 2**40}},
    {"$set": {"event": "another"}},
    {"$unset": {"state": ""}},
    {"$unset": {"digest": "", "version": ""}},
    {"$set": {"digest": 7}},
]


@pytest.mark.parametrize("change", BROKEN, ids=str)
async def test_a_broken_snapshot_is_dropped_with_a_warning_and_replaced(process, caplog, change):
    await process.append(EVERY)
    await process.cold()
    right = await process.snapshot_at(5)
    await process.store.database["snapshots"].update_one({}, change)
    assert await process.cold() == (Total(5), 5)
    assert await process.snapshot_at(5) == right
    (record,) = caplog.records
    assert record.message.startswith("dropped the snapshot of default/note-a: it is broken")
    assert record.levelno == logging.WARNING


async def test_the_snapshot_of_another_stream_is_dropped(process, caplog):
    for stream in ("note-a", "note-b"):
        await process.append(EVERY, stream)
    await process.append(1, "note-a")
    await process.cold("note-b")
    foreign = await process.snapshot_at(5, "note-b")
    await process.store.database["snapshots"].insert_one({**foreign, "_id": "default/note-a"})
    assert await process.cold() == (Total(6), 6)
    assert ": it is broken" in caplog.text
    await process.snapshot_at(6)


@pytest.mark.parametrize("goes_on", [0, 2, 20])
async def test_a_snapshot_of_a_history_that_is_gone_is_dropped(process, caplog, goes_on):
    """The log was restored to an earlier time than the snapshots, and may have gone on otherwise."""
    await process.append(EVERY + 2)
    await process.cold()
    await process.snapshot_at(7)
    await process.store.documents.delete_many({"_id": {"$gt": 5}})
    after = Process(process.store)
    for number in range(goes_on):
        await process.store.database["log"].insert_one(
            {
                **(await process.store.documents.find_one({"_id": 5}) or {}),
                "_id": 6 + number,
                "command": {"id": f"again-{number}", "name": "Touch"},
                "events": [
                    {"id": f"again-{number}", "type": "note.scored", "schema": 1, "version": 6 + number}
                    | {"data": {"by": 2}}
                ],
            }
        )
    assert await after.cold() == (Total(5 + 2 * goes_on), 5 + goes_on)
    assert "the log does not have the event that it ends with" in caplog.text
    await after.snapshot_at(5 + goes_on)
    assert await after.cold() == await after.from_zero()
    await after.rebuilder.close()

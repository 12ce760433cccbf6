"""Verifying the log: whatever was done to it behind nerve's back shows, and where."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any
from uuid import uuid4

import pytest

from eventstore.integrity import blocks
from eventstore.integrity.report import Check, VerificationReport
from eventstore.mongo.log_collections import COMMAND_GUARD, VERSION_GUARD
from tests.contract.conftest import OpenStore
from tests.helpers.archives import archiver, folder
from tests.helpers.commits import Store, commit, open_store, scores
from tests.helpers.verification import verify

BLOCK = 100
"""Positions in a block, here."""

STREAMS = 10
COMMITS = 2 * BLOCK + 50


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_SIZE", BLOCK)


@pytest.fixture
async def open_another(mongo_url: str, database: str) -> AsyncIterator[OpenStore]:
    """On one driver: what is read here is read on both by the tests of blocks."""
    async with AsyncExitStack() as stack:

        async def another(**options: Any) -> Store:
            return await stack.enter_async_context(open_store(mongo_url, database, **options))

        yield another


async def fill(store: Store, count: int = COMMITS) -> None:
    """Two events in each commit, the streams in turn."""
    for version in range(count // STREAMS):
        new = (commit(f"note-{n}", 2 * version, *scores(2)) for n in range(STREAMS))
        await asyncio.gather(*map(store.log.append, new))


@pytest.fixture
async def sealed(store: Store) -> Store:
    """A log of two sealed blocks and some more."""
    await fill(store)
    sealer = store.log.block_sealer()
    while await sealer.seal_next():
        pass
    return store


async def test_an_untouched_log_is_sound(sealed) -> None:
    verification = await verify(sealed, consumers={"view.notes": COMMITS})
    assert verification.defects == []
    assert verification.report.is_sound
    looked = {check: verification.report.checked[check] for check in Check}
    assert looked == {
        Check.POSITIONS: COMMITS,
        Check.TIMES: COMMITS,
        Check.COMMITS: COMMITS,
        Check.VERSIONS: STREAMS,
        Check.SCHEMAS: 2 * COMMITS,
        Check.BLOCKS: 2,
        Check.ARCHIVE: 0,
        Check.INDEXES: 9,
        Check.ENDS: 1,
    }
    assert verification.report.seal is not None
    assert verification.report.seal.last == 2 * BLOCK
    assert verification.report.notes == [f"from position {2 * BLOCK + 1} on the log is not sealed yet"]


async def test_an_empty_log_is_sound(store) -> None:
    assert (await verify(store)).report == VerificationReport(1, 0, checked=verify_nothing())


def verify_nothing() -> Any:
    empty = VerificationReport(1, 0).checked
    empty[Check.INDEXES] = 9
    return empty


async def test_a_walk_can_begin_at_any_block(sealed) -> None:
    verification = await verify(sealed, BLOCK + 1)
    assert verification.defects == []
    assert verification.report.checked[Check.POSITIONS] == COMMITS - BLOCK
    assert verification.report.checked[Check.BLOCKS] == 1


async def test_a_deleted_commit_is_found(sealed) -> None:
    gone = await sealed.documents.find_one({"_id": 50})
    await sealed.documents.delete_one({"_id": 50})
    following = await sealed.documents.find_one({"_id": {"$gt": 50}, "stream": gone["stream"]})
    verification = await verify(sealed)
    assert verification.places == [
        (Check.POSITIONS, "position 50"),
        (Check.VERSIONS, f"position {following['_id']}, {gone['stream']}"),
        (Check.BLOCKS, "block 1"),
    ]
    assert not verification.report.is_sound


async def test_deleted_ranges_are_reported_as_ranges(sealed) -> None:
    await sealed.documents.delete_many({"_id": {"$gte": 10, "$lte": 29}})
    verification = await verify(sealed)
    assert verification.defects[0][:2] == (Check.POSITIONS, "positions 10 to 29")
    assert verification.report.defects[Check.POSITIONS] == 20


async def test_a_changed_byte_in_a_sealed_block_is_found(sealed) -> None:
    """One that leaves the commit as valid as it was."""
    await sealed.documents.update_one({"_id": 123}, {"$set": {"events.1.data.by": 3}})
    verification = await verify(sealed)
    assert verification.places == [(Check.BLOCKS, "block 2")]
    assert "a document at positions 101 to 200 was changed" in verification.defects[0].what


async def test_a_changed_order_of_fields_in_a_sealed_block_is_found(sealed) -> None:
    stored = await sealed.documents.find_one({"_id": 7})
    await sealed.documents.delete_one({"_id": 7})
    await sealed.documents.insert_one({"_id": 7, **dict(reversed(stored.items()))})
    assert (await verify(sealed)).places == [(Check.BLOCKS, "block 1")]


async def test_a_doubled_version_is_found(sealed) -> None:
    """Also behind the last sealed block; the guard must be gone for it, and that is found too."""
    await sealed.database.command({"dropIndexes": "log", "index": VERSION_GUARD})
    first = await sealed.documents.find_one({"_id": COMMITS})
    again = {**first, "_id": COMMITS + 1, "command": {"id": uuid4().hex, "name": "Touch"}}
    await sealed.documents.insert_one(again)
    verification = await verify(sealed)
    assert verification.places == [
        (Check.INDEXES, f"index {VERSION_GUARD}"),
        (Check.VERSIONS, f"position {COMMITS + 1}, {first['stream']}"),
    ]
    assert "is duplicate or out of order" in verification.defects[1].what


async def test_versions_that_came_in_the_wrong_order_are_found(sealed) -> None:
    """Two commits of a stream that changed places: each has a version that the other should have."""
    await sealed.database.command({"dropIndexes": "log", "index": VERSION_GUARD})
    await sealed.database.command({"dropIndexes": "log", "index": COMMAND_GUARD})
    one, other = await sealed.documents.find({"stream": "note-7"}).sort([("_id", -1)]).limit(2).to_list(None)
    await sealed.documents.delete_many({"_id": {"$in": [one["_id"], other["_id"]]}})
    await sealed.documents.insert_many([{**one, "_id": other["_id"]}, {**other, "_id": one["_id"]}])
    verification = await verify(sealed)
    assert [defect for defect in verification.places if defect[0] is Check.VERSIONS] == [
        (Check.VERSIONS, f"position {other['_id']}, note-7"),
        (Check.VERSIONS, f"position {one['_id']}, note-7"),
    ]


async def test_a_broken_schema_is_found(sealed) -> None:
    await sealed.documents.update_one({"_id": COMMITS}, {"$set": {"events.0.data.by": "secret"}})
    verification = await verify(sealed)
    assert [defect[0] for defect in verification.places] == [Check.SCHEMAS]
    assert "note.scored" in verification.defects[0].what
    assert "secret" not in verification.defects[0].what


async def test_a_document_that_is_no_commit_is_found(store) -> None:
    await store.log.append(commit("note-a", 0, *scores(2)))
    await store.documents.update_one({"_id": 1}, {"$unset": {"tenant": 1}})
    assert (await verify(store)).defects == [(Check.COMMITS, "position 1", "tenant: missing")]


async def test_a_document_whose_id_is_no_position_is_found(store) -> None:
    await fill(store, STREAMS)
    for wrong in (1.5, -3):
        await store.documents.insert_one({"_id": wrong, "tombstone": True})
    verification = await verify(store)
    assert verification.places == [
        (Check.POSITIONS, "before the log"),
        (Check.POSITIONS, "behind position 1"),
    ]


async def test_a_cut_off_end_is_found(sealed) -> None:
    """By a consumer that was further; and where the end was sealed, by its block."""
    await sealed.documents.delete_many({"_id": {"$gt": COMMITS - 5}})
    verification = await verify(sealed, consumers={"view.notes": COMMITS - 2})
    assert verification.places == [(Check.ENDS, "view.notes")]
    assert any(f"positions up to {COMMITS} were reserved" in note for note in verification.report.notes)

    await sealed.documents.delete_many({"_id": {"$gt": 2 * BLOCK - 5}})
    verification = await verify(sealed)
    assert verification.places == [(Check.BLOCKS, "block 2")]
    assert "but the log ends at 195" in verification.defects[0].what
    await sealed.documents.delete_many({"_id": {"$gt": 5}})
    assert (await verify(sealed)).places == [(Check.BLOCKS, "block 1"), (Check.BLOCKS, "block 2")]


async def test_a_replaced_block_is_found(sealed) -> None:
    """Alone, and by what the next one says of it."""
    stored = sealed.database["blocks"]
    await stored.update_one({"_id": 1}, {"$set": {"digest": bytes(32)}})
    assert (await verify(sealed)).places == [(Check.BLOCKS, "block 1"), (Check.BLOCKS, "block 2")]


async def test_a_block_that_is_missing_or_is_none_is_found(sealed) -> None:
    stored = sealed.database["blocks"]
    await stored.delete_one({"_id": 1})
    assert (await verify(sealed)).places == [(Check.BLOCKS, "block 1")]
    await stored.insert_one({"_id": 1, "first": 1})
    assert (Check.BLOCKS, "block 1") in (await verify(sealed)).places


async def test_a_rebuilt_chain_is_found_with_a_seal_that_was_kept(sealed) -> None:
    """And by no other means: a user who may write everything can rebuild the chain."""
    before = (await verify(sealed)).report.seal
    assert before is not None
    assert before.number == 2
    await sealed.documents.update_one({"_id": 99}, {"$set": {"actor": "somebody else"}})
    await sealed.database["blocks"].delete_many({})
    sealer = sealed.log.block_sealer()
    while await sealer.seal_next():
        pass
    assert (await verify(sealed)).report.is_sound
    after = await verify(sealed, digests={2: before.digest})
    assert after.places == [(Check.BLOCKS, "block 2")]


async def test_indexes_that_guard_nothing_are_found(store) -> None:
    await store.database.command({"dropIndexes": "log", "index": VERSION_GUARD})
    await store.documents.create_index([("stream", 1)], name=VERSION_GUARD)
    await store.documents.create_index([("at", 1)], name="expiry")
    await store.database.command(
        {"collMod": "log", "index": {"name": "expiry", "expireAfterSeconds": 1_000_000_000}}
    )
    verification = await verify(store)
    assert verification.places == [(Check.INDEXES, f"index {VERSION_GUARD}"), (Check.INDEXES, "index expiry")]


async def test_an_archived_log_is_verified_as_it_was(open_another: OpenStore, tmp_path: Any) -> None:
    blobs = folder(tmp_path)
    store = await open_another(archive=blobs)
    await fill(store)
    await store.log.block_sealer().seal_next()
    await archiver(store, blobs, commits=BLOCK // 2).run(BLOCK)
    verification = await verify(store)
    assert verification.defects == []
    assert verification.report.checked[Check.ARCHIVE] == BLOCK
    assert verification.report.checked[Check.SCHEMAS] == 2 * COMMITS

    await store.documents.update_one({"_id": 3}, {"$set": {"actor": "somebody else"}})
    verification = await verify(store)
    assert verification.places == [(Check.ARCHIVE, "position 3")]

    (_, second) = await store.log.archive.segments()
    (tmp_path / second.name).write_bytes(b"something else")
    another = await open_another(archive=blobs)
    verification = await verify(another)
    assert verification.places == [(Check.ARCHIVE, "position 3"), (Check.ARCHIVE, f"position {second.first}")]

"""An archived log reads as it did before, and refuses to return what it cannot verify."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest
from bson.raw_bson import RawBSONDocument

from domain.kernel import Catalog, Commit
from domain.kernel.errors import ConcurrencyConflict, SegmentUnreadable, Unavailable
from eventstore.archiving.blobs import BlobStore
from eventstore.archiving.segments import Segment
from eventstore.archiving.zstd import decompress
from eventstore.personal.sealing import MasterKeys
from eventstore.personal.subject_keys import owner_of
from eventstore.reading.event_query import EventQuery
from tests.contract.conftest import OpenStore
from tests.helpers import people
from tests.helpers.archives import archive_all, archiver, folder
from tests.helpers.commits import Store, commit
from tests.helpers.notes import Scored, Written
from tests.helpers.people import PersonRegistered


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return folder(tmp_path)


@pytest.fixture
async def store(open_another: OpenStore, blobs: BlobStore) -> Store:
    return await open_another(archive=blobs, fence_after=0.05)


@pytest.fixture
async def history(store: Store) -> list[Commit]:
    """Twenty commits, and a tombstone in the middle; what a reader sees of them."""
    return await append_commits(store, seed=1)


async def append_commits(store: Store, seed: int) -> list[Commit]:
    chance, versions = random.Random(seed), [0] * 4
    for number in range(20):
        if number == 10:
            await store.leave_hole()
        which = chance.randrange(4)
        events = [Scored(by=number), Written(text=f"word {number}")][: chance.randint(1, 2)]
        new = commit(f"note-{which}", versions[which], *events, correlation=f"why-{number % 3}", actor="me")
        await store.log.append(new)
        versions[which] += len(events)
    async with asyncio.timeout(60):
        while await store.log.high_water_mark() < 21:
            await asyncio.sleep(0)
    return await store.everything()


async def test_an_archived_log_is_read_as_before(store, blobs, history, open_another):
    """By one who was there, and by one who comes later; the tombstone stays where it was."""
    assert await archive_all(store, blobs) == 7
    assert (
        await store.documents.count_documents({"archived": {"$exists": False}, "events": {"$exists": True}})
        == 0
    )
    assert await store.documents.count_documents({"events.data": {"$exists": True}}) == 0
    assert [one.position for one in history if one.info is None] == [11]
    assert await store.everything() == history
    assert await (await open_another(archive=blobs)).everything() == history


async def test_streams_and_searches_find_in_the_archive_what_they_found_in_the_log(store, blobs, history):
    queries = [
        EventQuery(types=["note.written"]),
        EventQuery(streams=["note-1"]),
        EventQuery(correlation="why-2"),
        EventQuery(since=history[5].info.at, until=history[15].info.at),
    ]

    async def asked():
        found = [await store.log.search("default", query) for query in queries]
        return found + [await store.log.stream("default", f"note-{which}", 1) for which in range(4)]

    before = await asked()
    await archive_all(store, blobs)
    assert await asked() == before


async def test_the_guards_hold_over_what_is_archived(store, blobs, history, open_another):
    """A command that is sent again has its first receipt, and a version that was taken stays taken."""
    await archive_all(store, blobs)
    another = await open_another(archive=blobs)
    first = next(one for one in history if one.info.stream == "note-1")
    again = commit("note-1", 0, *(event.payload for event in first.events), command_id=first.info.command_id)
    receipt = await another.log.append(again)
    assert (receipt.position, receipt.replayed) == (first.position, True)
    with pytest.raises(ConcurrencyConflict):
        await another.log.append(commit("note-1", 0))
    stored = await another.log.stored_command("default", first.info.command_id)
    name, receipt = stored.name, stored.receipt
    assert (name, receipt.position) == (first.info.command, first.position)
    version = (await another.log.stream("default", "note-1"))[-1].version
    assert (await another.log.append(commit("note-1", version))).version == version + 1


async def test_raw_documents_are_the_same_bytes_before_and_after(store, blobs, history):
    async def raw() -> list[bytes]:
        pages = store.log.archive.raw_pages(store.documents, 2, 19)
        return [document async for page in pages for document in page]

    before = await raw()
    assert len(before) == 18
    await archiver(store, blobs).run(10)
    assert await raw() == before


async def test_archiving_goes_on_where_it_was_and_leaves_what_is_not_a_whole_segment(store, blobs, history):
    small = archiver(store, blobs, commits=4)
    assert await small.run(11, partly=False) == 2
    assert await small.run(11, partly=False) == 0
    assert await small.run(11) == 1
    assert await small.run(11) == 0
    assert await small.run(21) == 3
    segments = await store.log.archive.segments()
    assert [(one.first, one.last) for one in segments] == [
        (1, 4),
        (5, 8),
        (9, 11),
        (12, 15),
        (16, 19),
        (20, 21),
    ]
    assert await store.everything() == history


async def test_a_segment_is_bounded_in_bytes_too(store, blobs):
    for number in range(4):
        await store.log.append(commit(f"note-{number}", 0, Written(text="x" * 600)))
    assert await archiver(store, blobs, commits=100, size=2_000).run(4) == 2
    assert [one.count for one in await store.log.archive.segments()] == [2, 2]


async def test_of_several_archivers_at_once_each_segment_is_made_once(store, blobs, history, open_another):
    stores = [store, await open_another(archive=blobs), await open_another(archive=blobs)]
    made = await asyncio.gather(*(archive_all(one, blobs) for one in stores))
    segments = await store.log.archive.segments()
    assert [one.number for one in segments] == list(range(1, 8))
    assert [one.first for one in segments] == [1, *(one.last + 1 for one in segments[:-1])]
    assert min(made) >= 0
    assert await store.everything() == history


async def test_many_readers_fetch_a_segment_once(store, blobs, history, open_another, monkeypatch):
    await archive_all(store, blobs, commits=50)
    fetched: list[str] = []
    get = BlobStore.get

    async def counted(self: BlobStore, name: str) -> bytes | None:
        fetched.append(name)
        return await get(self, name)

    monkeypatch.setattr(BlobStore, "get", counted)
    another = await open_another(archive=blobs)
    seen = await asyncio.gather(*(another.everything() for _ in range(20)))
    assert len(fetched) == 1
    assert all(one == history for one in seen)


async def test_personal_data_is_archived_as_it_was_sealed(blobs, open_another, tmp_path):
    """So a segment does not reveal it, and without the key it cannot be read from there."""
    store = await open_another(
        archive=blobs, masters=MasterKeys(b"m" * 32), catalog=Catalog([people.context])
    )
    registered = PersonRegistered(city="Graz", name="Zaphod")
    await store.log.append(commit("person-1", 0, registered, category="person"))
    await archive_all(store, blobs)
    assert "sealed" not in (await store.documents.find_one({"_id": 1}))["events"][0]
    (segment,) = await store.log.archive.segments()
    unpacked = decompress(the_file(tmp_path, segment).read_bytes())
    assert b"Graz" in unpacked
    assert b"Zaphod" not in unpacked
    (event,) = await store.log.stream("default", "person-1")
    assert event.payload == registered
    await store.log.keys.destroy([owner_of("default", "person-1")])
    (event,) = await store.log.stream("default", "person-1")
    assert event.payload == PersonRegistered(city="Graz", name=None)


def the_file(folder: Path, segment: Segment) -> Path:
    return folder / segment.name


def remove(file: Path) -> None:
    file.unlink()


def change_a_byte(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def cut_off(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


@pytest.mark.parametrize("spoil", [remove, change_a_byte, cut_off])
async def test_a_segment_that_is_spoiled_is_named_and_read_again_once_it_is_back(
    spoil, store, blobs, history, tmp_path, open_another
):
    await archive_all(store, blobs)
    second = (await store.log.archive.segments())[1]
    file = the_file(tmp_path, second)
    content = file.read_bytes()
    spoil(file)
    another = await open_another(archive=blobs)
    assert await another.log.reader().read(0, limit=3) == history[:3]
    for _ in range(2):
        with pytest.raises(SegmentUnreadable, match=f"segment 2 .*{second.name}"):
            await another.log.reader().read(0)
    file.write_bytes(content)
    assert await another.everything() == history


async def test_a_log_that_is_archived_is_not_read_without_its_archive(store, blobs, history, open_another):
    await archive_all(store, blobs)
    with pytest.raises(Unavailable, match="archive_url is not set"):
        await (await open_another()).everything()


async def test_a_log_is_not_archived_to_two_places(store, blobs, history, tmp_path):
    await archiver(store, blobs).run(6)
    with pytest.raises(SegmentUnreadable, match="segment 2"):
        await archiver(store, folder(tmp_path / "elsewhere")).run(21)
    assert await store.documents.count_documents({"archived": {"$exists": True}}) == 6


async def test_a_segment_that_is_gone_takes_no_more_commits_with_it(store, blobs, history, tmp_path):
    """A run that was cut off before its stubs looks at the segment again before it makes them."""
    await archiver(store, blobs).run(3)
    (segment,) = await store.log.archive.segments()
    (page,) = [page async for page in store.log.archive.raw_pages(store.documents, 1, 3)]
    await store.documents.delete_one({"_id": 2})
    await store.documents.insert_many([RawBSONDocument(page[1])])
    the_file(tmp_path, segment).unlink()
    with pytest.raises(SegmentUnreadable):
        await archiver(store, blobs).run(3)
    assert "data" in (await store.documents.find_one({"_id": 2}))["events"][0]


async def test_what_was_deleted_from_the_log_is_not_archived_over(store, blobs, history):
    await store.documents.delete_one({"_id": 5})
    with pytest.raises(Unavailable, match="no document at position 5"):
        await archiver(store, blobs, commits=10).run(21)
    assert await store.log.archive.segments() == []

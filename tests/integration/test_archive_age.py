"""Workers archive by themselves what has reached an age; views are the same whatever is archived."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from eventstore.archiving.archiver import Archiver
from eventstore.archiving.blobs import BlobStore
from eventstore.mongo.lease import NamedLease
from projections.projecting.view_worker import drop_view
from subscriptions.consumers.archive_retention import Retention
from tests.helpers.archives import folder
from tests.helpers.commits import Store, commit, open_store
from tests.helpers.note_histories import append_all, some_history
from tests.helpers.note_rig import open_rig
from tests.helpers.notes import START, folded, now, view


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return folder(tmp_path)


def retention(store: Store, blobs: BlobStore) -> Retention:
    archiver = Archiver(store.database, blobs, now, commits=2)
    return Retention(
        store.log, archiver, store.database, lambda: START + timedelta(hours=8), timedelta(hours=2), tick=0.01
    )


async def fill(store: Store, hours: int) -> None:
    for hour in range(hours):
        await store.log.append(commit(f"note-{hour}", 0, at=START + timedelta(hours=hour)))


@pytest.mark.parametrize(("hour", "position"), [(-1, 0), (0, 0), (0.5, 1), (3, 3), (8.5, 9), (20, 9)])
async def test_the_last_position_before_a_moment(
    hour: float, position: int, mongo_url: str, database: str
) -> None:
    async with open_store(mongo_url, database) as store:
        await fill(store, 9)
        moment = START + timedelta(hours=hour)
        assert await store.log.recorded_before(moment) == position


async def test_commits_of_the_age_are_archived_in_the_background_in_full_segments(
    mongo_url: str, database: str, blobs: BlobStore, caplog: pytest.LogCaptureFixture
) -> None:
    """Several workers take turns; what is younger stays where it is, and so does half a segment."""
    caplog.set_level(logging.INFO, "nerve.archive")

    def logged() -> list[str]:
        lines = [record.getMessage() for record in caplog.records if record.name == "nerve.archive"]
        return [line.partition(":")[0] for line in lines]

    async with open_store(mongo_url, database, archive=blobs) as store:
        await fill(store, 5)
        workers = [retention(store, blobs) for _ in range(3)]
        for worker in workers:
            await worker.start()
        async with asyncio.timeout(60):
            while len(logged()) < 2:
                await asyncio.sleep(0.01)
        for hour in range(5, 9):
            await store.log.append(commit(f"note-{hour}", 0, at=START + timedelta(hours=hour)))
        async with asyncio.timeout(60):
            while len(logged()) < 3:
                await asyncio.sleep(0.01)
        for worker in workers:
            await worker.stop()
        assert await retention(store, blobs).once() == 0
        segments = await store.log.archive.segments()
        assert [(one.first, one.last) for one in segments] == [(1, 2), (3, 4), (5, 6)]
        assert len(await store.everything()) == 9
    assert logged() == [
        f"archived positions {one.first} to {one.last} in segment {one.number}" for one in segments
    ]


async def test_one_worker_archives_at_a_time_by_the_clock_of_the_server(
    mongo_url: str, database: str, blobs: BlobStore
) -> None:
    """The clock of these workers is years behind the server's, and does not decide when a lease ends."""
    async with open_store(mongo_url, database) as store:
        await fill(store, 5)
        worker = retention(store, blobs)
        meta = store.database["meta"]
        other = NamedLease(meta, "archiving", 600)
        lease = await other.take()
        assert lease is not None
        assert await worker.once() == 0
        # As if the ten minutes were over.
        await meta.update_one({"_id": "archiving"}, [{"$set": {"until": "$$NOW"}}])
        assert await worker.once() == 2
        await other.release(lease)
        assert await other.take() is not None, "the worker released its lease"


async def test_the_turn_that_an_older_version_has_kept_is_respected(
    mongo_url: str, database: str, blobs: BlobStore
) -> None:
    """Versions before this one kept the worker and the end of its turn, and no epoch."""
    async with open_store(mongo_url, database) as store:
        await fill(store, 5)
        meta, now = store.database["meta"], datetime.now(UTC)
        await meta.insert_one({"_id": "archiving", "owner": "old", "until": now + timedelta(minutes=5)})
        assert await retention(store, blobs).once() == 0
        await meta.update_one({"_id": "archiving"}, {"$set": {"until": now - timedelta(minutes=5)}})
        assert await retention(store, blobs).once() == 2


async def test_a_failing_archive_is_logged_and_the_worker_retries(
    mongo_url: str, database: str, blobs: BlobStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_store(mongo_url, database) as store:
        await fill(store, 5)
        in_the_way = tmp_path / database
        in_the_way.write_bytes(b"a file where a folder is to be")
        worker = retention(store, blobs)
        await worker.start()
        async with asyncio.timeout(60):
            while "nothing is archived for now: the archive cannot store" not in caplog.text:
                await asyncio.sleep(0.01)
            assert worker.failure is not None
            in_the_way.unlink()
            while len(await store.log.archive.segments()) < 2 or worker.failure is not None:
                await asyncio.sleep(0.01)
        await worker.stop()


async def test_a_view_that_is_built_from_the_archive_has_the_same_rows(
    mongo_url: str, redis_url: str, database: str, blobs: BlobStore
) -> None:
    async with open_rig(mongo_url, redis_url, database, poll_interval=0.05, archive=blobs, work=True) as rig:
        await append_all(rig, some_history(seed=9, length=60, notes=6))
        await rig.projected()
        before = await rig.documents()
        await Archiver(rig.database, blobs, now, commits=7).run(await rig.log.high_water_mark())
        assert await rig.database["log"].count_documents({"archived": {"$exists": False}}) == 0
        await drop_view(view, rig.database)
        await rig.projected(60)
        assert await rig.documents() == before == folded(await rig.commits())


async def test_a_view_is_built_anew_from_a_log_that_is_partly_archived(
    mongo_url: str, redis_url: str, database: str, blobs: BlobStore
) -> None:
    async with open_rig(mongo_url, redis_url, database, poll_interval=0.05, archive=blobs, work=True) as rig:
        await append_all(rig, some_history(seed=10, length=60, notes=6))
        await rig.projected()
        before = await rig.documents()
        await Archiver(rig.database, blobs, now, commits=7).run(40)
        assert await rig.database["log"].count_documents({"archived": {"$exists": True}}) > 20
        await rig.rebuilds.begin("notes")
        async with asyncio.timeout(60):
            while (await rig.checkpoints.state("view.notes")).active != 2:
                await asyncio.sleep(0.01)
        assert await rig.documents(2) == before == folded(await rig.commits())

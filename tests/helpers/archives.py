"""Archives for tests: a folder of the test's own, and an archiver that makes small segments."""

from __future__ import annotations

from pathlib import Path

from eventstore.archiving.archiver import Archiver
from eventstore.archiving.blobs import BlobStore, open_blobs
from tests.helpers.commits import Store
from tests.helpers.notes import now


def folder(path: Path) -> BlobStore:
    return open_blobs(path.as_uri())


def archiver(store: Store, blobs: BlobStore, commits: int = 3, size: int = 1_000_000) -> Archiver:
    return Archiver(store.database, blobs, now, commits=commits, size=size)


async def archive_all(store: Store, blobs: BlobStore, commits: int = 3) -> int:
    """Archive all that is settled; how many segments that took."""
    return await archiver(store, blobs, commits).run(await store.log.high_water_mark())

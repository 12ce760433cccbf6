"""A store that fails is left alone for a while, and asked again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from obstore.store import LocalStore

from domain.kernel.errors import Unavailable
from eventstore.archiving.blobs import MAX_FAILURES, BlobStore

CIRCUIT_OPEN = r"^the archive failed 5 times in a row; it is tried again in \d+ s$"


def store(folder: Path, recovery: float) -> BlobStore:
    (folder / "file").write_bytes(b"")
    return BlobStore(LocalStore(folder), folder, recovery)


async def fail(blobs: BlobStore, times: int) -> None:
    for _ in range(times):
        with pytest.raises(Unavailable, match="cannot store file/inside"):
            await blobs.put("file/inside", b"x")


async def test_after_some_failures_in_a_row_nothing_is_asked_any_more(tmp_path: Path) -> None:
    blobs = store(tmp_path, recovery=60)
    await fail(blobs, MAX_FAILURES)
    with pytest.raises(Unavailable, match=CIRCUIT_OPEN):
        await blobs.put("sound", b"x")
    with pytest.raises(Unavailable, match=CIRCUIT_OPEN):
        await blobs.get("file")
    assert not (tmp_path / "sound").exists()


async def test_what_works_between_failures_ends_the_row(tmp_path: Path) -> None:
    blobs = store(tmp_path, recovery=60)
    for _ in range(3):
        await fail(blobs, MAX_FAILURES - 1)
        assert await blobs.get("none") is None
    await blobs.put("sound", b"x")
    assert await blobs.get("sound") == b"x"


async def test_a_store_that_is_back_is_found_again(tmp_path: Path) -> None:
    blobs = store(tmp_path, recovery=0.2)
    await fail(blobs, MAX_FAILURES)
    async with asyncio.timeout(20):
        while True:
            try:
                await blobs.put("sound", b"x")
                break
            except Unavailable:
                await asyncio.sleep(0.02)
    await fail(blobs, MAX_FAILURES - 1)
    assert await blobs.get("sound") == b"x"

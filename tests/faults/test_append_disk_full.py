"""A disk that is full: a real one, small and in memory (I1)."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.kernel import Receipt
from domain.kernel.errors import Unavailable
from tests.helpers.commits import Store, append_options, commit, open_store
from tests.helpers.notes import Written
from tests.helpers.servers import Servers

DISK_MB = 460
"""mongod takes 300 of them at its start, most of it for its journal."""
BALLAST_MB = 120
"""What is deleted to make room again."""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("to mount a small disk takes privileges that are not here")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.fixture
def servers(small_disk: Path) -> Iterator[Servers]:
    private = Servers(small_disk)
    yield private
    private.kill_all()


async def fill(store: Store, receipts: list[Receipt]) -> None:
    """Append until that is refused."""
    while True:
        events = [Written(text=secrets.token_hex(250_000)) for _ in range(4)]
        receipts.append(await store.log.append(commit(f"note-{len(receipts)}", 0, *events)))


@pytest.mark.faults
async def test_i1_a_full_disk_leaves_no_part_of_a_commit_and_appends_go_on_when_there_is_room(
    servers, small_disk
):
    """mongod ends itself where it cannot write its journal; whoever runs it starts it again."""
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(BALLAST_MB * 1_000_000))
    mongod = servers.mongod()
    receipts: list[Receipt] = []
    async with open_store(mongod.url, "full", fence_after=0.1) as store:
        options = append_options(give_up_after=3.0)
        async with open_store(mongod.url, "full", options=options) as impatient:
            with pytest.raises(Unavailable):
                await fill(impatient, receipts)
        ballast.unlink()
        mongod.kill()
        mongod.start()
        after = await store.log.append(commit("note-after", 0))
        async with asyncio.timeout(30):
            while await store.log.high_water_mark() < after.position:
                await asyncio.sleep(0.02)
        log = await store.everything()
    sizes = {one.info.stream: len(one.events) for one in log if one.info and one.info.stream != after.stream}
    assert set(sizes.values()) == {4}
    stored = {one.info.command_id: one.position for one in log if one.info}
    assert len(receipts) > 3
    assert {one.command_id: one.position for one in [*receipts, after]}.items() <= stored.items()
    assert len(stored) <= len(receipts) + 2

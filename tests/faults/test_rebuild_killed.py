"""I8, I9: a worker that is killed in the middle of a rebuild, or of a switch, costs time and nothing else."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from projections.querying.pages import ListQuery
from subscriptions.consumers.state import GenerationState
from tests.helpers.note_rig import Rig, open_rig
from tests.helpers.notes import Linked, Scored, Written, folded
from tests.helpers.row_scopes import ALL_ROWS

DEADLINE = 60
NOTES = 100
COMMITS = 1_500
ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def program(name: str, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process, killed with -9 at the latest at the end."""
    command = (sys.executable, "-m", f"tests.faults.{name}", *arguments)
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def fill(rig: Rig, commits: int) -> None:
    names = [f"note-{i}" for i in range(NOTES)]
    await asyncio.gather(*(rig.append(name, Written(text="a")) for name in names))

    async def busy(i: int) -> None:
        for turn in range(commits // NOTES - 1):
            await rig.append(names[i], Scored(by=turn % 5), Linked(to=names[(i + turn) % NOTES]))

    await asyncio.gather(*map(busy, range(NOTES)))


@asynccontextmanager
async def observed(rig: Rig) -> AsyncIterator[None]:
    """Meanwhile the view's position never goes back, and all of its rows are there."""
    ended = asyncio.Event()

    async def observe() -> None:
        seen = 0
        while not ended.is_set():
            position = await rig.reader.position()
            assert position >= seen
            seen = position
            page = await rig.reader.page(ALL_ROWS, ListQuery(NOTES + 1))
            assert len({row["id"] for row in page.rows}) == NOTES

    task = asyncio.create_task(observe())
    try:
        yield
    finally:
        ended.set()
        await task


async def built(rig: Rig, position: int) -> bool:
    """Whether generation 2 has come so far, or is read."""
    state = await rig.checkpoints.state("view.notes")
    found = state.generations.get(2)
    return found is not None and (found.position >= position or found.state is GenerationState.ACTIVE)


async def active(rig: Rig) -> int | None:
    return (await rig.checkpoints.state("view.notes")).active


async def test_i8_a_worker_killed_again_and_again_in_a_rebuild_is_followed_by_one_that_goes_on(
    mongo_url: str, redis_url: str, database: str
) -> None:
    addresses = (mongo_url, redis_url, database)
    async with open_rig(*addresses, poll_interval=0.05) as rig:
        await fill(rig, COMMITS)
        async with open_rig(*addresses, work=True):
            await rig.projected(DEADLINE)
        before = await rig.documents()
        await rig.rebuilds.begin("notes")
        async with observed(rig), asyncio.timeout(DEADLINE):
            for share in (0.2, 0.6):
                async with program("note_worker", *addresses):
                    while not await built(rig, int(COMMITS * share)):
                        await asyncio.sleep(0.001)
            async with program("note_worker", *addresses):
                while await active(rig) != 2:
                    await asyncio.sleep(0.01)
        assert await rig.documents(2) == before == folded(await rig.commits())


@pytest.mark.parametrize(("point", "read"), [("taken", 1), ("switched", 2)])
async def test_i9_a_worker_killed_in_a_switch_leaves_one_generation_that_counts(
    mongo_url: str, redis_url: str, database: str, point: str, read: int
) -> None:
    addresses = (mongo_url, redis_url, database)
    async with open_rig(*addresses, poll_interval=0.05) as rig:
        await fill(rig, 2 * NOTES)
        async with open_rig(*addresses, work=True):
            await rig.projected(DEADLINE)
        await rig.rebuilds.begin("notes")
        async with observed(rig), asyncio.timeout(DEADLINE):
            async with program("rebuild_worker", point, *addresses) as worker:
                assert await worker.wait() == -signal.SIGKILL
            assert await active(rig) == read
            assert await rig.documents() == folded(await rig.commits())
            await rig.append("note-1", Scored(by=1))
            async with open_rig(*addresses, poll_interval=0.05, work=True):
                while await active(rig) != 2:
                    await asyncio.sleep(0.01)
                await rig.projected(DEADLINE)
        assert await rig.documents() == folded(await rig.commits())

"""I8: a worker that is killed at any instant leaves a view that the next one completes, as if nothing was."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.helpers.note_rig import Rig, open_rig
from tests.helpers.notes import Linked, Scored, Written, folded
from tests.helpers.servers import Servers

DEADLINE = 60
COMMITS = 4_500
ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def worker(*addresses: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A worker process, killed with -9 at the latest at the end."""
    command = (sys.executable, "-m", "tests.faults.note_worker", *addresses)
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def fill(rig: Rig) -> None:
    dice = random.Random(8)
    names = [f"note-{i}" for i in range(300)]
    await asyncio.gather(*(rig.append(name, Written(text="a")) for name in names))

    async def busy(name: str) -> None:
        for _ in range(COMMITS // len(names) - 1):
            await rig.append(name, Scored(by=dice.randint(-3, 3)), Linked(to=dice.choice(names)))

    await asyncio.gather(*map(busy, names))


async def passes(rig: Rig, position: int) -> int:
    """Wait until the view is beyond `position`."""
    async with asyncio.timeout(DEADLINE):
        while (reached := await rig.reader.position()) <= position:
            await asyncio.sleep(0.001)
    return reached


async def test_i8_a_worker_killed_again_and_again_leaves_what_one_event_after_the_other_would(
    mongo_url: str, redis_url: str, database: str
) -> None:
    async with open_rig(mongo_url, redis_url, database) as rig:
        await fill(rig)
        reached, killed_at = 0, []
        for share in (0.1, 0.3, 0.5):
            async with worker(mongo_url, redis_url, database):
                reached = await passes(rig, max(reached, int(COMMITS * share)))
            killed_at.append(await rig.reader.position())
        assert all(0 < position < COMMITS for position in killed_at), "each was in the middle of its work"
        async with (
            worker(mongo_url, redis_url, database),
            worker(mongo_url, redis_url, database),
        ):
            await rig.projected(DEADLINE)
        assert await rig.documents() == folded(await rig.commits())


async def test_i8_mongodb_killed_under_a_projector_loses_nothing(
    redis_url: str, database: str, servers: Servers
) -> None:
    """The worker outlives it and goes on when it is back."""
    mongod = servers.mongod()
    async with open_rig(mongod.url, redis_url, database, poll_interval=0.2) as rig:
        for i in range(600):
            await rig.append(f"note-{i % 9}", Written(text="a"), Linked(to=f"note-{i % 4}"))
        async with worker(mongod.url, redis_url, database) as running:
            await passes(rig, 0)
            mongod.kill()
            mongod.start()
            await rig.projected(DEADLINE)
            assert running.returncode is None
        assert await rig.documents() == folded(await rig.commits())

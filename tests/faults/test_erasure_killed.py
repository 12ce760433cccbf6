"""An erasure whose process is killed between the record and the key is completed by a worker."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from eventstore.personal.sealing import MasterKeys
from tests.helpers import people
from tests.helpers.note_rig import open_rig
from tests.helpers.people import PersonRegistered
from tests.helpers.row_scopes import ALL_ROWS

ROOT = Path(__file__).parents[2]
MASTERS = MasterKeys(b"m" * 32)
DEADLINE = 60


async def test_a_worker_destroys_the_key_that_a_killed_process_left_and_scrubs_the_views(
    mongo_url: str, redis_url: str, database: str
) -> None:
    parts: dict[str, Any] = {"view": people.view, "masters": MASTERS}
    async with open_rig(mongo_url, redis_url, database, **parts) as rig, asyncio.timeout(DEADLINE):
        await rig.append("person-1", PersonRegistered(city="Graz", name="plain"))
        worker = rig.worker()
        await worker.start()
        await rig.projected()
        await worker.stop()
        command = (sys.executable, "-m", "tests.faults.eraser", mongo_url, database)
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
        try:
            assert process.stdout is not None
            assert await process.stdout.readline() == b"recorded\n"
        finally:
            process.kill()
            await process.wait()
        key = {"_id": "default/person-1", "wrapped": {"$exists": True}}
        assert await rig.database["keys"].count_documents(key) == 1

    async with open_rig(mongo_url, redis_url, database, work=True, **parts) as rig, asyncio.timeout(DEADLINE):
        await rig.projected(DEADLINE)
        assert await rig.database["keys"].count_documents(key) == 0
        row = await rig.reader.get(ALL_ROWS, "person-1")
        assert row is not None
        assert (row["name"], row["city"]) == (None, "Graz")

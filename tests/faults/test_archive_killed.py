"""The archiver killed at any point: log and archive together have every commit, at every moment (I5)."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from domain.kernel import Commit
from tests.helpers.archives import folder
from tests.helpers.commits import commit, open_store
from tests.helpers.notes import Written

COMMITS = 5
"""Of one segment."""


class Runs:
    """Archiving runs of another process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def start(self, deadly: int = 0) -> int:
        """Start a run that dies at that moment of it; its process id."""
        assert self._process.stdin
        self._process.stdin.write(f"{deadly}\n")
        self._process.stdin.flush()
        return self._answer()

    def ended(self) -> int:
        """Wait for the run to end; its exit code, negative for a signal."""
        return self._answer()

    def _answer(self) -> int:
        assert self._process.stdout
        return int(self._process.stdout.readline())


@contextmanager
def runs(url: str, database: str, path: Path) -> Iterator[Runs]:
    command = [sys.executable, "-m", "tests.faults.archive_runs", url, database, str(path), str(COMMITS)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Runs(process)
        assert process.stdin
        process.stdin.close()


async def read(url: str, database: str, path: Path) -> list[Commit]:
    async with open_store(url, database, archive=folder(path)) as store:
        return await store.everything()


def stored(path: Path) -> set[str]:
    return {file.name for file in path.rglob("*.zst")}


async def fill(url: str, database: str, path: Path, count: int) -> list[Commit]:
    async with open_store(url, database) as store:
        new = (commit(f"note-{number}", 0, Written(text=f"word {number}" * 20)) for number in range(count))
        await asyncio.gather(*(store.log.append(one) for one in new))
    return await read(url, database, path)


async def test_i5_an_archiver_that_is_killed_between_any_two_steps_takes_no_commit_with_it(
    mongo_url: str, database: str, tmp_path: Path
) -> None:
    before = await fill(mongo_url, database, tmp_path, 90)
    with runs(mongo_url, database, tmp_path) as archiving:
        for deadly in range(1, 14):
            archiving.start(deadly)
            assert archiving.ended() == -signal.SIGKILL
            assert await read(mongo_url, database, tmp_path) == before
        archiving.start()
        assert archiving.ended() == 0
    async with open_store(mongo_url, database, archive=folder(tmp_path)) as store:
        segments = await store.log.archive.segments()
        assert [one.first for one in segments] == list(range(1, 91, COMMITS))
        assert await store.documents.count_documents({"archived": {"$exists": False}}) == 0
        assert await store.everything() == before
    # What was stored and not yet known when a run died is what the next run stores: nothing is left over.
    assert stored(tmp_path) == {Path(one.name).name for one in segments}


async def test_i5_an_archiver_that_is_killed_at_random_takes_no_commit_with_it(
    mongo_url: str, database: str, tmp_path: Path
) -> None:
    before = await fill(mongo_url, database, tmp_path, 250)
    chance, kills = random.Random(7), 0
    with runs(mongo_url, database, tmp_path) as archiving:
        while kills < 10:
            run = archiving.start()
            await asyncio.sleep(chance.uniform(0.03, 0.25))
            with suppress(ProcessLookupError):
                os.kill(run, signal.SIGKILL)
            if archiving.ended() == 0:
                break
            kills += 1
            assert await read(mongo_url, database, tmp_path) == before
        archiving.start()
        assert archiving.ended() == 0
    assert kills >= 3
    assert await read(mongo_url, database, tmp_path) == before

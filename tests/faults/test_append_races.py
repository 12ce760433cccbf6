"""Eight processes append to overlapping streams, with conflicts, while readers follow; some are killed."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter

from domain.kernel import Commit
from tests.commits import Store, open_store

WRITERS = 8
READERS = 2


class Writers:
    """Processes of `tests.faults.writer`, and the lines they have printed."""

    def __init__(self, url: str, database: str) -> None:
        self._where = (url, database)
        self._processes: list[Process] = []
        self._readers: list[asyncio.Task[None]] = []
        self._told = asyncio.Event()
        self.lines: list[list[str]] = []

    async def start(self, count: int, commits: int) -> None:
        for _ in range(count):
            arguments = (*self._where, str(len(self._processes)), str(commits))
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.faults.writer", *arguments, stdout=PIPE
            )
            self._processes.append(process)
            self._readers.append(asyncio.create_task(self._read(process)))

    async def _read(self, process: Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            # The last line of a killed process may be cut short; then it told nobody of an outcome.
            if line.endswith(b"\n"):
                self.lines.append(line.decode().split())
                self._told.set()

    async def have_told(self, count: int) -> None:
        """Wait until the writers have printed so many outcomes."""
        async with asyncio.timeout(60):
            while len(self.lines) < count:
                self._told.clear()
                await self._told.wait()

    def kill(self, count: int) -> None:
        for process in [one for one in self._processes if one.returncode is None][:count]:
            process.kill()

    async def wait(self) -> list[int]:
        await asyncio.gather(*self._readers)
        return [await process.wait() for process in self._processes]

    def of(self, outcome: str) -> list[list[str]]:
        return [rest for kind, *rest in self.lines if kind == outcome]


async def follow(store: Store, done: asyncio.Event) -> list[Commit]:
    """Read as a feed does, until the writers are done and nothing is left."""
    reader = store.log.reader()
    seen: list[Commit] = []
    while not done.is_set() or len(seen) < await store.log.head():
        found = await reader.read(len(seen))
        seen += found
        if not found:
            await asyncio.sleep(0.02)
    return seen


def check(log: list[Commit], writers: Writers) -> None:
    """What I1 to I4 promise, of the whole log."""
    assert [commit.position for commit in log] == list(range(1, len(log) + 1))
    commits = [(commit, commit.info) for commit in log if commit.info]
    versions: dict[str, list[int]] = {}
    for commit, info in commits:
        told = [event.data["text"].split() for event in commit.events]
        whole = [[info.command_id, str(place), told[0][2]] for place in range(int(told[0][2]))]
        assert told == whole, "a torn commit"
        versions.setdefault(info.stream, []).extend(event.version for event in commit.events)
    assert all(found == list(range(1, len(found) + 1)) for found in versions.values())
    stored = {
        info.command_id: (info.stream, commit.events[-1].version, commit.position) for commit, info in commits
    }
    assert len(stored) == len(commits)
    for command, stream, version, position, _size in writers.of("stored"):
        assert stored[command] == (stream, int(version), int(position))
    assert not stored.keys() & {command for command, *_ in writers.of("conflict")}


async def race(url: str, database: str, writers: Writers, *, commits: int, kill: int) -> list[Commit]:
    async with open_store(url, database, fence_after=0.5) as store:
        done = asyncio.Event()
        readers = [asyncio.create_task(follow(store, done)) for _ in range(READERS)]
        await writers.start(WRITERS, commits // WRITERS)
        if kill:
            await writers.have_told(commits // 4)
            writers.kill(kill)
            await writers.start(kill, commits // WRITERS)
            await writers.have_told(commits // 2)
            writers.kill(kill)
        codes = await writers.wait()
        done.set()
        assert Counter(codes) == Counter({0: WRITERS - kill, -9: 2 * kill})
        first, *others = await asyncio.gather(*readers)
        assert all(other == first for other in others)
        return first


async def test_i1_i2_i4_eight_processes_race_and_the_log_is_whole(mongo_url, database):
    writers = Writers(mongo_url, database)
    log = await race(mongo_url, database, writers, commits=20_000, kill=0)
    check(log, writers)
    assert len(writers.lines) == 20_000
    assert len(writers.of("conflict")) > 4_000
    assert sum(1 for commit in log if commit.info) == len(writers.of("stored"))


async def test_i1_i2_i4_i5_writers_killed_in_between_change_none_of_that(mongo_url, database):
    """What a killed writer was told is there; what it was not told is there whole or not at all."""
    writers = Writers(mongo_url, database)
    log = await race(mongo_url, database, writers, commits=8_000, kill=3)
    check(log, writers)
    assert sum(1 for commit in log if commit.info) >= len(writers.of("stored"))

"""One process of the run of a million events: a writer of very many, or a reader of all.

``python -m tests.faults.bulk write MONGO_URL REDIS_URL DATABASE SEED EVENTS``
``python -m tests.faults.bulk read MONGO_URL REDIS_URL DATABASE POSITION EVENTS DIGEST PAUSE``

Either prints a line of JSON now and then: how far it is, and the memory that it takes.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import sys
from collections.abc import Iterable
from contextlib import aclosing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import orjson

from domain.kernel import Commit
from domain.kernel.errors import ConcurrencyConflict
from eventstore.log import EventLog
from tests.helpers.commits import commit
from tests.helpers.note_rig import open_rig
from tests.helpers.notes import Written

END = "note-end"
"""The stream whose commit is the last one of a run."""

CALLERS = 64
SIZES = (1, 1, 1, 2, 3, 5, 10, 20)
"""Events in one commit."""
SHARED = 20
"""Streams that all writers append to, with conflicts."""
ABROAD = 0.05
"""Share of the appends that go to those."""

POLL_INTERVAL = 0.2
REPORTS = 64
"""Reports of a writer in all."""
REPORT_EVERY = 200
"""Commits between two reports of a reader."""


@dataclass(frozen=True)
class Progress:
    """How far a process is. `digest` is over all commits up to `position`, `memory` resident, in bytes."""

    events: int = 0
    position: int = 0
    tombstones: int = 0
    digest: str = ""
    memory: int = 0
    done: bool = False

    @classmethod
    def of(cls, line: bytes) -> Self:
        return cls(**orjson.loads(line))

    def report(self) -> None:
        print(orjson.dumps(asdict(self)).decode(), flush=True)


def memory() -> int:
    """Bytes of this process that are in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


class Writer:
    """Appends so many events, with many callers, each on its own stream and now and then on a shared one."""

    def __init__(self, log: EventLog, seed: int, events: int) -> None:
        self._log = log
        self._seed = seed
        self._chance = random.Random(seed)
        self._events = events
        self._left = events
        self._written = 0
        self._versions: dict[str, int] = {}

    async def run(self) -> None:
        reporting = asyncio.create_task(self._report())
        await asyncio.gather(*(self._caller(f"note-{self._seed}-{number}") for number in range(CALLERS)))
        await reporting

    async def _caller(self, own: str) -> None:
        while self._left:
            size = min(self._chance.choice(SIZES), self._left)
            self._left -= size
            abroad = self._chance.random() < ABROAD
            await self._append(f"note-{self._chance.randrange(SHARED)}" if abroad else own, size)
            self._written += size

    async def _append(self, stream: str, size: int) -> None:
        """Until it is stored: where another writer was faster, on what that one left."""
        while True:
            expected = self._versions.get(stream, 0)
            events = (Written(text=f"{self._seed} {place} of {size}") for place in range(size))
            try:
                receipt = await self._log.append(commit(stream, expected, *events))
            except ConcurrencyConflict as conflict:
                self._versions[stream] = max(conflict.actual, self._versions.get(stream, 0))
            else:
                self._versions[stream] = max(receipt.version, self._versions.get(stream, 0))
                return

    async def _report(self) -> None:
        for share in range(1, REPORTS + 1):
            while self._written < self._events * share // REPORTS:
                await asyncio.sleep(0.01)
            Progress(self._written, memory=memory(), done=share == REPORTS).report()


class Reader:
    """Folds the whole log into one digest, and checks on the way that no version is missing."""

    def __init__(self, progress: Progress) -> None:
        self.position = progress.position
        self._events = progress.events
        self._tombstones = progress.tombstones
        self._digest = progress.digest
        self._versions: dict[str, int] = {}

    def take(self, commits: Iterable[Commit]) -> bool:
        """Whether the last one was the end."""
        for one in commits:
            if one.position != self.position + 1:
                raise AssertionError(f"position {one.position} came after {self.position}")
            self.position = one.position
            self._digest = hashlib.blake2b(f"{self._digest}{one!r}".encode(), digest_size=16).hexdigest()
            self._events += len(one.events)
            if one.info is None:
                self._tombstones += 1
            elif one.info.stream == END:
                return True
            for event in one.events:
                self._check(event.stream, event.version)
        return False

    def _check(self, stream: str, version: int) -> None:
        # Where this process took over in the middle it does not know what came before.
        before = self._versions.get(stream, version - 1)
        if version != before + 1:
            raise AssertionError(f"version {version} of {stream} came after {before}")
        self._versions[stream] = version

    def progress(self, *, done: bool = False) -> Progress:
        return Progress(self._events, self.position, self._tombstones, self._digest, memory(), done)


async def write(mongo_url: str, redis_url: str, database: str, seed: str, events: str) -> None:
    async with open_rig(mongo_url, redis_url, database, poll_interval=POLL_INTERVAL) as rig:
        await Writer(rig.log, int(seed), int(events)).run()


async def read(mongo_url: str, redis_url: str, database: str, progress: str, pause: str) -> None:
    reader = Reader(Progress.of(progress.encode()))
    async with (
        open_rig(mongo_url, redis_url, database, poll_interval=POLL_INTERVAL) as rig,
        aclosing(rig.feed.follow(reader.position)) as batches,
    ):
        told = reader.position
        async for batch in batches:
            if reader.take(batch.items):
                break
            if reader.position - told >= REPORT_EVERY:
                told = reader.position
                reader.progress().report()
            await asyncio.sleep(float(pause))
    reader.progress(done=True).report()


if __name__ == "__main__":
    act = {"write": write, "read": read}[sys.argv[1]]
    asyncio.run(act(*sys.argv[2:]))

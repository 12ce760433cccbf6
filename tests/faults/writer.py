"""A writer process: appends to streams it shares with others, and prints a line for each outcome.

``python -m tests.faults.writer URL DATABASE SEED COMMITS``. Each event carries the commit's id, its place and
how many there are, so that a torn commit would show.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections import defaultdict
from collections.abc import Iterator
from uuid import uuid4

from domain.kernel.errors import ConcurrencyConflict
from eventstore.log import EventLog
from tests.commits import commit, open_store
from tests.notes import Written

HOMES = 8
STREAMS = 100
"""Streams of a home. A writer keeps to its own home but for a tenth of its appends, which go to any."""
ABROAD = 0.1

CALLERS = 32
CONFLICTS = 0.2
"""Share of the appends that use an old version on purpose."""


class Writer:
    """Knows of each stream the version it saw last; in a fifth of the appends it uses an older one."""

    def __init__(self, log: EventLog, seed: int) -> None:
        self._log = log
        self._home = seed % HOMES
        self._chance = random.Random(seed)
        self._versions: dict[str, int] = defaultdict(int)

    async def run(self, numbers: Iterator[int]) -> None:
        for _ in numbers:
            home = self._chance.randrange(HOMES) if self._chance.random() < ABROAD else self._home
            await self._append(f"note-{home}-{self._chance.randrange(STREAMS)}")

    async def _append(self, stream: str) -> None:
        known = self._versions[stream]
        stale = known > 0 and self._chance.random() < CONFLICTS
        size = self._chance.choice((1, 1, 1, 2, 3, 5))
        command = uuid4().hex
        events = (Written(text=f"{command} {place} {size}") for place in range(size))
        expected = self._chance.randrange(known) if stale else known
        try:
            receipt = await self._log.append(commit(stream, expected, *events, command_id=command))
        except ConcurrencyConflict as conflict:
            self._saw(stream, conflict.actual)
            print("conflict", command, stream, expected, flush=True)
        else:
            self._saw(stream, receipt.version)
            print("stored", command, stream, receipt.version, receipt.position, size, flush=True)

    def _saw(self, stream: str, version: int) -> None:
        self._versions[stream] = max(self._versions[stream], version)


async def main(url: str, database: str, seed: int, commits: int) -> None:
    async with open_store(url, database) as store:
        writer, numbers = Writer(store.log, seed), iter(range(commits))
        await asyncio.gather(*(writer.run(numbers) for _ in range(CALLERS)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))

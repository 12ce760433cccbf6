"""``python -m tests.faults.million [EVENTS]``: four processes write, others read, and all must read the same.

One reader is there from the start, one comes when a third is written, one is slow, and one is killed in the
middle and goes on from where it was. Each folds the whole feed into one digest.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson
from rich.console import Console
from rich.table import Table

from tests.faults.bulk import END, Progress, Reader
from tests.helpers.commits import commit, open_store
from tests.helpers.servers import Servers

EVENTS = 1_000_000
WRITERS = 4
SLOW = 0.2
"""Seconds that the slow reader rests after each batch."""
GROWTH = 1.25
"""How many times the memory of its first quarter a process may take in its last."""
PATIENCE = 1_800.0
"""Seconds for all of it."""

SCRATCH = Path(".nerve")


class Program:
    """A process of the run, and what it has reported."""

    def __init__(self, name: str, *arguments: str) -> None:
        self.name = name
        self.reports: list[Progress] = []
        self._arguments = arguments
        self._told = asyncio.Event()
        self._process: Process | None = None
        self._listening: asyncio.Task[None] | None = None

    @property
    def progress(self) -> Progress:
        return self.reports[-1] if self.reports else Progress()

    async def start(self, *arguments: str) -> None:
        command = (sys.executable, "-m", "tests.faults.bulk", *self._arguments, *arguments)
        self._process = await asyncio.create_subprocess_exec(*command, stdout=PIPE)
        self._listening = asyncio.create_task(self._listen(self._process))

    async def _listen(self, process: Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            # The last line of a killed process may be cut short.
            if line.endswith(b"\n"):
                self.reports.append(Progress.of(line))
                self._told.set()
        self._told.set()

    async def has(self, condition: Callable[[Progress], bool]) -> None:
        """Wait until it reports so; raises AssertionError where it ends before."""
        assert self._listening is not None
        while not condition(self.progress):
            assert not self._listening.done(), f"{self.name} ended at {self.progress}"
            self._told.clear()
            await self._told.wait()

    async def end(self) -> None:
        """Wait until it has done all it had to."""
        await self.has(lambda progress: progress.done)
        assert self._process is not None
        assert await self._process.wait() == 0, f"{self.name} failed"

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        if self._listening is not None:
            await self._listening

    def memory(self, start: float, end: float) -> int:
        """The most it took, in bytes, between these shares of its events, or when it was nearest."""
        low, high = start * self.progress.events, end * self.progress.events
        between = [one.memory for one in self.reports if low <= one.events <= high]
        # It reports once for each batch, which may be a large part of a short run.
        return max(between, default=min(self.reports, key=lambda one: abs(one.events - low)).memory)


@dataclass(frozen=True)
class Outcome:
    """What a run came to. `truth` is the digest of a reader that reads it all afterwards."""

    events: int
    seconds: float
    truth: Progress
    writers: list[Program]
    readers: list[Program]

    def problems(self, growth: float = GROWTH) -> list[str]:
        found = []
        for reader in self.readers:
            told, truth = reader.progress, self.truth
            if (told.position, told.events, told.digest) != (truth.position, truth.events, truth.digest):
                found.append(f"{reader.name} read {told}, and there is {truth}")
        if self.truth.events != self.events + 1:
            found.append(f"{self.truth.events - 1} events of {self.events} are there")
        for program in (*self.writers, *self.readers):
            first, last = program.memory(0, 0.25), program.memory(0.75, 1)
            if last > growth * first:
                found.append(f"{program.name} took {first} bytes at first and {last} in the end")
        return found

    def table(self) -> Table:
        table = Table(title=f"{self.events:,} events by {WRITERS} processes, in {self.seconds:.0f} s")
        table.add_column("process")
        for column in ("events", "memory in the first quarter", "in the last", "digest"):
            table.add_column(column, justify="right")
        for program in (*self.writers, *self.readers):
            memory = [f"{program.memory(*quarter) / 2**20:.0f} MiB" for quarter in ((0, 0.25), (0.75, 1))]
            table.add_row(program.name, f"{program.progress.events:,}", *memory, program.progress.digest[:8])
        commits = self.truth.position - self.truth.tombstones
        table.caption = (
            f"{commits:,} commits, {self.truth.tombstones:,} tombstones; "
            f"{self.events / self.seconds:,.0f} events and {commits / self.seconds:,.0f} commits a second"
        )
        return table


class Run:
    """Four writers and four readers on one log."""

    def __init__(self, mongo_url: str, redis_url: str, database: str, events: int) -> None:
        self._where = (mongo_url, redis_url, database)
        self._events = events
        self._writers = [self._program(f"writer {number}", "write") for number in range(1, WRITERS + 1)]
        self._first, self._late, self._slow, self._restarted = self._readers = [
            self._program(f"reader, {kind}", "read")
            for kind in ("from the start", "late", "slow", "restarted")
        ]

    def _program(self, name: str, act: str) -> Program:
        return Program(name, act, *self._where)

    async def play(self) -> Outcome:
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._play()
        finally:
            for program in (*self._writers, *self._readers):
                await program.kill()

    async def _play(self) -> Outcome:
        begun = time.monotonic()
        for number, writer in enumerate(self._writers):
            await writer.start(str(number), str(self._events // WRITERS))
        await self._read(self._first)
        await self._read(self._slow, SLOW)
        await self._read(self._restarted)
        await self._first.has(lambda progress: progress.events >= self._events / 3)
        await self._read(self._late)
        await self._restarted.has(lambda progress: progress.events >= self._events / 2)
        await self._restarted.kill()
        await self._read(self._restarted)
        for writer in self._writers:
            await writer.end()
        seconds = time.monotonic() - begun
        truth = await self._finish()
        for reader in self._readers:
            await reader.end()
        return Outcome(self._events, seconds, truth, self._writers, self._readers)

    async def _read(self, reader: Program, pause: float = 0) -> None:
        """Let it read on from what it has reported."""
        await reader.start(orjson.dumps(asdict(reader.progress)).decode(), str(pause))

    async def _finish(self) -> Progress:
        """Append the last commit, and read everything once more."""
        mongo_url, _, database = self._where
        async with open_store(mongo_url, database) as store:
            await store.log.append(commit(END))
            reader, log = Reader(Progress()), store.log.reader()
            while not reader.take(await log.read(reader.position)):
                pass
            return reader.progress(done=True)


def main() -> None:
    events = int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS
    console = Console()
    # Not among the system's temporary files, which may be in memory, where a journal costs nothing.
    SCRATCH.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="million-", dir=SCRATCH) as folder:
        servers = Servers(Path(folder))
        try:
            run = Run(servers.mongod().url, servers.redis().url, "million", events)
            with console.status(f"{events:,} events"):
                outcome = asyncio.run(run.play())
        finally:
            servers.kill_all()
    console.print(outcome.table())
    for problem in outcome.problems():
        console.print(f"[red]{problem}")
    sys.exit(bool(outcome.problems()))


if __name__ == "__main__":
    main()

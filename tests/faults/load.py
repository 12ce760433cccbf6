"""All that writes to and reads from one log under a fault."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

from domain.kernel import Commit
from tests.faults.journal import entries
from tests.faults.judge import Verdict, judge
from tests.faults.programs import Program, ReaderProcess, WriterProcess
from tests.faults.writer import Orders
from tests.helpers.commits import open_store
from tests.helpers.servers import eventually

FENCE_AFTER = 0.5
"""Seconds before a reader closes a hole."""

ENOUGH = 40
"""Acknowledgements after which the writers are held to go on."""

PATIENCE = 90.0
"""Seconds that something may take before the load is held to have stopped for good."""


class Load:
    """Writers that carry out `orders`, each under a seed of its own, and readers; journals go to `folder`."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._folder = Path(orders.journal)
        self._numbers = count(orders.seed)
        self.chance = random.Random(orders.seed)
        self.writers: list[WriterProcess] = []
        self.readers: list[ReaderProcess] = []
        self._gone: list[Program] = []

    def start_writer(self, url: str | None = None, predecessor: WriterProcess | None = None) -> WriterProcess:
        """Start a writer, which reaches the log by another way where a `url` is given.

        It sends again what its killed `predecessor` had no outcome of.
        """
        number = next(self._numbers)
        orders = replace(
            self._orders,
            url=url or self._orders.url,
            journal=str(self._folder / f"writer-{number}.journal"),
            seed=number,
            predecessor=str(predecessor.journal) if predecessor else None,
        )
        self.writers.append(WriterProcess(orders))
        return self.writers[-1]

    def start_reader(
        self, url: str | None = None, after: int = 0, fence_after: float = FENCE_AFTER
    ) -> ReaderProcess:
        """Start a reader behind position `after`; by another way where a `url` is given."""
        journal = self._folder / f"reader-{next(self._numbers)}.journal"
        where = (url or self._orders.url, self._orders.database)
        self.readers.append(ReaderProcess(*where, journal, fence_after, after))
        return self.readers[-1]

    def kill(self, program: Program) -> None:
        """End a program as a crash would."""
        program.kill()
        self._ended(program)

    @contextmanager
    def paused(self, but: WriterProcess | None = None) -> Iterator[None]:
        """Stop the writers wherever they are, but for one where it is given."""
        stopped = [writer for writer in self.writers if writer is not but]
        for writer in stopped:
            writer.pause()
        yield
        for writer in stopped:
            writer.resume()

    def retire(self, writer: WriterProcess) -> None:
        """Let a writer end what it has sent."""
        writer.ask_to_stop()
        self.until(lambda: writer.exit_code == 0)
        self._ended(writer)

    def _ended(self, program: Program) -> None:
        self._gone.append(program)
        self.writers = [one for one in self.writers if one is not program]
        self.readers = [one for one in self.readers if one is not program]

    @property
    def acknowledged(self) -> int:
        """Receipts so far; a command that was sent twice has two."""
        self._look()
        return sum(one.acknowledged for one in self._programs if isinstance(one, WriterProcess))

    @property
    def unanswered(self) -> int:
        """How often nobody could say what became of a command."""
        self._look()
        return sum(one.unanswered for one in self._programs if isinstance(one, WriterProcess))

    def _look(self) -> None:
        for program in self._programs:
            program.look()

    @property
    def _programs(self) -> list[Program]:
        return [*self._gone, *self.writers, *self.readers]

    def begins(self) -> None:
        """Wait until every program that was started is at work."""
        self.until(lambda: all(one.acknowledged for one in self.writers))
        self.until(lambda: all(one.position for one in self.readers))

    def goes_on(self) -> None:
        """Wait until new commands are acknowledged, and every reader has them."""
        enough = self.acknowledged + ENOUGH
        self.until(lambda: self.acknowledged >= enough)
        self.read_to(max(writer.highest for writer in self.writers))

    def read_to(self, position: int) -> None:
        """Wait until every reader has come so far."""
        self.until(lambda: all(reader.position >= position for reader in self.readers))

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for the condition, with each look at the journals, and for as long as no program fails."""

        def holds() -> bool:
            self._look()
            for program in (*self.writers, *self.readers):
                assert program.exit_code in (None, 0), program.complaint()
            return condition()

        eventually(holds, PATIENCE)

    def finish(self) -> Verdict:
        """Let the writers end what they have sent, and the readers read it all; then judge."""
        self.begins()
        for writer in self.writers:
            writer.ask_to_stop()
        return self.judge_when_written()

    def judge_when_written(self) -> Verdict:
        """Wait until the orders are carried out and the readers have read it all; then judge."""
        self.until(lambda: all(writer.exit_code == 0 for writer in self.writers))
        self.read_to(asyncio.run(self._head()))
        self.kill_all()
        head, log = asyncio.run(self._everything())
        writers = [entries(one.journal) for one in self._programs if isinstance(one, WriterProcess)]
        readers = [entries(one.journal) for one in self._programs if isinstance(one, ReaderProcess)]
        return judge(log, head, writers, readers)

    def kill_all(self) -> None:
        for program in self._programs:
            program.kill()

    async def _head(self) -> int:
        async with open_store(self._orders.url, self._orders.database) as store:
            return await store.log.head()

    async def _everything(self) -> tuple[int, list[Commit]]:
        async with open_store(self._orders.url, self._orders.database, fence_after=FENCE_AFTER) as store:
            return await store.log.head(), await store.everything()

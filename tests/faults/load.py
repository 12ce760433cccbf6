"""All that writes to and reads from one log under a fault."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

from domain.kernel import Commit
from tests.commits import open_store
from tests.faults.journal import entries
from tests.faults.judge import Verdict, judge
from tests.faults.programs import FENCE_AFTER, Program, ReaderProcess, WriterProcess
from tests.faults.writer import Orders
from tests.support import eventually

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
        self._killed: list[Program] = []

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

    def start_reader(self, url: str | None = None, after: int = 0) -> ReaderProcess:
        """Start a reader, which reaches the log by another way where a `url` is given."""
        journal = self._folder / f"reader-{next(self._numbers)}.journal"
        self.readers.append(ReaderProcess(url or self._orders.url, self._orders.database, journal, after))
        return self.readers[-1]

    def kill_writer(self, writer: WriterProcess) -> None:
        writer.kill()
        self.writers.remove(writer)
        self._killed.append(writer)

    def kill_reader(self, reader: ReaderProcess) -> None:
        reader.kill()
        self.readers.remove(reader)
        self._killed.append(reader)

    @property
    def acknowledged(self) -> int:
        """Receipts so far; a command that was sent twice has two."""
        self._look()
        return sum(one.acknowledged for one in self._programs if isinstance(one, WriterProcess))

    def _look(self) -> None:
        for program in self._programs:
            program.look()

    @property
    def _programs(self) -> list[Program]:
        return [*self._killed, *self.writers, *self.readers]

    def goes_on(self) -> None:
        """Wait until new commands are acknowledged, and every reader has them."""
        enough = self.acknowledged + ENOUGH
        self.until(lambda: self.acknowledged >= enough)
        self.read_to(max(writer.highest for writer in self.writers))

    def read_to(self, position: int) -> None:
        """Wait until every reader has come so far."""

        def all_there() -> bool:
            self._look()
            return all(reader.position >= position for reader in self.readers)

        self.until(all_there)

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for the condition, for as long as no program ends by itself."""

        def holds() -> bool:
            for program in (*self.writers, *self.readers):
                assert program.exit_code in (None, 0), program.complaint()
            return condition()

        eventually(holds, PATIENCE)

    def finish(self) -> Verdict:
        """Let the writers end what they have sent, and the readers read it all; then judge."""
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

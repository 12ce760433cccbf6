"""A writer process: appends to streams it shares with others, and notes each command and each outcome.

``python -m tests.faults.writer ORDERS``. Each event carries the command's id, its place and how many there
are, so that a torn commit would show.
"""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import uuid4

import orjson

from domain.kernel.errors import ConcurrencyConflict, Overloaded, Unavailable
from eventstore import appender
from eventstore.log import EventLog
from tests.commits import commit, open_store
from tests.faults.journal import Journal, Sent, unanswered
from tests.notes import Written

HOMES = 8
STREAMS = 100
"""Streams of a home. A writer keeps to its own home but for a tenth of its appends, which go to any."""
ABROAD = 0.1

CONFLICTS = 0.2
"""Share of the commands that expect an old version on purpose."""

TWICE = 0.05
"""Share of the commands that are sent twice at once, as a client does that has lost patience."""

AGAIN = 0.05
"""Seconds before a command without an outcome is sent again."""


@dataclass(frozen=True)
class Orders:
    """What a writer is to do: so many commands, by so many callers that pause between them, in seconds.

    It starts with what its `predecessor`, a journal, left without an outcome. `patience` is an append's.
    """

    url: str
    database: str
    journal: str
    seed: int
    commands: int = 1_000_000_000
    callers: int = 8
    pause: float = 0.0
    patience: float = appender.PATIENCE
    predecessor: str | None = None

    def to_json(self) -> str:
        return orjson.dumps(asdict(self)).decode()


class Writer:
    """Knows of each stream the version it saw last; in a fifth of its commands it expects an older one."""

    def __init__(self, log: EventLog, orders: Orders) -> None:
        self._log = log
        self._orders = orders
        self._journal = Journal(Path(orders.journal))
        self._home = orders.seed % HOMES
        self._chance = random.Random(orders.seed)
        self._versions: dict[str, int] = defaultdict(int)
        self._stopping = False

    def stop(self) -> None:
        """Send nothing new; `run` returns when all that was sent has an outcome."""
        self._stopping = True

    async def run(self) -> None:
        """Carry out the orders."""
        before = self._orders.predecessor
        await asyncio.gather(*(self._send(sent) for sent in (unanswered(Path(before)) if before else ())))
        numbers = iter(range(self._orders.commands))
        await asyncio.gather(*(self._call(numbers) for _ in range(self._orders.callers)))

    async def _call(self, numbers: Iterator[int]) -> None:
        for _ in numbers:
            if self._stopping:
                return
            sent = self._next()
            await self._send(sent, times=2 if self._chance.random() < TWICE else 1)
            if self._orders.pause:
                await asyncio.sleep(self._chance.uniform(0, 2 * self._orders.pause))

    def _next(self) -> Sent:
        home = self._chance.randrange(HOMES) if self._chance.random() < ABROAD else self._home
        stream = f"note-{home}-{self._chance.randrange(STREAMS)}"
        known = self._versions[stream]
        stale = known > 0 and self._chance.random() < CONFLICTS
        expected = self._chance.randrange(known) if stale else known
        return Sent(uuid4().hex, stream, expected, self._chance.choice((1, 1, 1, 2, 3, 5)))

    async def _send(self, sent: Sent, times: int = 1) -> None:
        """Send the command, to be refused where every one of its runs is."""
        self._journal.note("sent", *sent)
        refusals = await asyncio.gather(*(self._run(sent) for _ in range(times)))
        if all(refusals):
            self._journal.note("refused", sent.command)

    async def _run(self, sent: Sent) -> ConcurrencyConflict | None:
        """Send the command until somebody says what became of it, decided anew each time."""
        while True:
            events = (Written(text=f"{sent.command} {place} {sent.size}") for place in range(sent.size))
            new = commit(sent.stream, sent.expected, *events, command_id=sent.command)
            try:
                receipt = await self._log.append(new)
            except ConcurrencyConflict as conflict:
                self._saw(sent.stream, conflict.actual)
                return conflict
            except (Overloaded, Unavailable):
                self._journal.note("unanswered", sent.command)
                await asyncio.sleep(AGAIN)
            else:
                self._journal.note("stored", sent.command, receipt.stream, receipt.version, receipt.position)
                self._saw(sent.stream, receipt.version)
                return None

    def _saw(self, stream: str, version: int) -> None:
        self._versions[stream] = max(self._versions[stream], version)


async def main(orders: Orders) -> None:
    """Write until the orders are carried out or SIGTERM asks to end."""
    appender.PATIENCE = orders.patience
    async with open_store(orders.url, orders.database) as store:
        writer = Writer(store.log, orders)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, writer.stop)
        await writer.run()


if __name__ == "__main__":
    asyncio.run(main(Orders(**orjson.loads(sys.argv[1]))))

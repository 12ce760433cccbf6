"""A writer process: appends to streams it shares with others, and notes each command and each outcome.

``python -m tests.faults.writer ORDERS``. Each event carries the command's id, its place and how many there
are, so that a torn commit would show.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path
from uuid import uuid4

import orjson

from domain.kernel.errors import ConcurrencyConflict, Unavailable
from domain.kernel.limit_errors import Overloaded
from eventstore.log import EventLog
from eventstore.options import DEFAULT_OPTIONS
from tests.faults.journal import Journal, Left, Sent, unanswered
from tests.helpers.commits import append_options, commit, open_store
from tests.helpers.notes import Written, now

HOMES = 8
STREAMS = 100
"""Streams of a home. A writer keeps to its own home but for a tenth of its appends, which go to any."""
ABROAD = 0.1

CONFLICTS = 0.2
"""Share of the commands that expect an old version on purpose."""

TWICE = 0.05
"""Share of the commands that are sent twice at once, as a client does that has lost patience."""

CHAINS = 0.1
"""Share of the commands that two others follow which build on it and do not wait for it."""

SKEWS = (timedelta(0), timedelta(minutes=-2), timedelta(seconds=90))
"""How far the clock of a writer is ahead: of each one of these, by its process id."""

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
    patience: float = DEFAULT_OPTIONS.appends.give_up_after
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
        self._skew = SKEWS[os.getpid() % len(SKEWS)]
        self._stopping = False

    def stop(self) -> None:
        """Send nothing new; `run` returns when all that was sent has an outcome."""
        self._stopping = True

    async def run(self) -> None:
        """Carry out the orders."""
        before = self._orders.predecessor
        left = unanswered(Path(before)) if before else Left([], [])
        for sent in left.moot:
            self._journal.note("refused", sent.command)
        sending: dict[str, asyncio.Task[bool]] = {}
        for sent in left.again:
            base = sending.get(sent.follows) if sent.follows else None
            sending[sent.command] = asyncio.create_task(self._send(sent, base))
        await asyncio.gather(*sending.values())
        numbers = iter(range(self._orders.commands))
        await asyncio.gather(*(self._call(numbers) for _ in range(self._orders.callers)))

    async def _call(self, numbers: Iterator[int]) -> None:
        for _ in numbers:
            if self._stopping:
                return
            if self._chance.random() < CHAINS:
                await self._send_chain(numbers)
            else:
                await self._send(self._next(), times=2 if self._chance.random() < TWICE else 1)
            if self._orders.pause:
                await asyncio.sleep(self._chance.uniform(0, 2 * self._orders.pause))

    async def _send_chain(self, numbers: Iterator[int]) -> None:
        sent = self._next()
        sending = [asyncio.create_task(self._send(sent))]
        for _ in islice(numbers, 2):
            version = sent.expected + sent.size
            sent = Sent(uuid4().hex, sent.stream, version, self._size(), follows=sent.command)
            sending.append(asyncio.create_task(self._send(sent, sending[-1])))
        await asyncio.gather(*sending)

    def _next(self) -> Sent:
        home = self._chance.randrange(HOMES) if self._chance.random() < ABROAD else self._home
        stream = f"note-{home}-{self._chance.randrange(STREAMS)}"
        known = self._versions[stream]
        stale = known > 0 and self._chance.random() < CONFLICTS
        return Sent(uuid4().hex, stream, self._chance.randrange(known) if stale else known, self._size())

    def _size(self) -> int:
        return self._chance.choice((1, 1, 1, 2, 3, 5))

    async def _send(self, sent: Sent, base: asyncio.Task[bool] | None = None, times: int = 1) -> bool:
        """Send the command, which builds on that of `base`; whether it is stored, by any of its runs."""
        self._journal.note("sent", *sent)
        stored = await asyncio.gather(*(self._run(sent, base) for _ in range(times)))
        if not any(stored):
            self._journal.note("refused", sent.command)
        return any(stored)

    async def _run(self, sent: Sent, base: asyncio.Task[bool] | None) -> bool:
        """Send the command until somebody says what became of it, decided anew each time."""
        while True:
            events = (Written(text=f"{sent.command} {place} {sent.size}") for place in range(sent.size))
            at = now() + self._skew
            new = commit(sent.stream, sent.expected, *events, command_id=sent.command, at=at)
            try:
                receipt = await self._log.append(new)
            except ConcurrencyConflict as conflict:
                self._saw(sent.stream, conflict.actual)
                if conflict.actual > sent.expected:
                    return False
                # It was queued behind another run of what it builds on, and that one did not land.
            except (Overloaded, Unavailable):
                self._journal.note("unanswered", sent.command)
            else:
                self._journal.note("stored", sent.command, receipt.stream, receipt.version, receipt.position)
                self._saw(sent.stream, receipt.version)
                return True
            await asyncio.sleep(AGAIN)
            if base is not None and not await base:
                return False

    def _saw(self, stream: str, version: int) -> None:
        self._versions[stream] = max(self._versions[stream], version)


async def main(orders: Orders) -> None:
    """Write until the orders are carried out or SIGTERM asks to end."""
    options = append_options(give_up_after=orders.patience)
    async with open_store(orders.url, orders.database, options=options) as store:
        writer = Writer(store.log, orders)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, writer.stop)
        await writer.run()


if __name__ == "__main__":
    asyncio.run(main(Orders(**orjson.loads(sys.argv[1]))))

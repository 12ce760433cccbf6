"""Listeners that read slowly, stop reading, or vanish without a word, and those who must not notice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from math import ceil
from pathlib import Path
from statistics import median

import httpx
from rich.table import Table

from api.lifecycle import open_runtime
from api.runtime import Runtime
from domain.documents.commands import CreateDocument
from domain.kernel import Envelope
from tests.faults.deployment import PATIENCE, Deployment
from tests.faults.live.listeners import Listener, listen

QUERY = """subscription { events(filter: {categories: ["document"]}) {
  __typename ... on Message { position } ... on Event { own: id data } } }"""

PAYLOAD = 4_000
"""Bytes of an event's data."""

GROWTH = 50_000_000
"""Bytes by which the server's memory may grow."""

RATIO = 1.3
"""Times that the others' p99 may be what it was before."""

SPACING = 0.2
"""Seconds between two events of which the delay is measured."""


@dataclass(frozen=True)
class Size:
    """How many listen on, and how many vanish; events that are measured, and such that come at once.

    `ping_interval` is the server's, in seconds: the others are to be looked at while it keeps the dead. Where
    those who vanish ask for something of their `own` each, nothing of what waits for them is shared.
    """

    good: int
    vanishing: int
    rounds: int
    paced: int
    burst: int
    ping_interval: float
    own: bool


@dataclass
class Outcome:
    """One entry for each round: seconds of p99 before and with hostile ones, and bytes of growth.

    `found` are the seconds until the server had let go of those who vanished.
    """

    good: int = 0
    vanishing: int = 0
    before: list[float] = field(default_factory=list)
    during: list[float] = field(default_factory=list)
    growth: list[int] = field(default_factory=list)
    found: list[float] = field(default_factory=list)
    wrongs: list[str] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        return median(late / early for early, late in zip(self.before, self.during, strict=True))

    def table(self) -> Table:
        """For a person to read."""
        title = (
            f"{self.good} listeners, while one reads once a second, one not at all, "
            f"and {self.vanishing} vanish"
        )
        table = Table("round", title=title, caption=f"the others' p99: {self.ratio:.2f} times, in the median")
        for column in ("p99 before, ms", "p99 with them, ms", "memory grew by, MB", "dead found after, s"):
            table.add_column(column, justify="right")
        rounds = zip(self.before, self.during, self.growth, self.found, strict=True)
        for number, (early, late, grown, found) in enumerate(rounds, 1):
            figures = (f"{early * 1e3:.1f}", f"{late * 1e3:.1f}", f"{grown / 1e6:.1f}", f"{found:.0f}")
            table.add_row(str(number), *figures)
        return table


class _Listeners:
    """The good listeners, and how late each of them was told of each event."""

    def __init__(self) -> None:
        self.sent: list[float] = []
        self.delays: list[float] = []
        self._had: list[int] = []

    def member(self) -> Callable[[float], None]:
        """What one of them is told by: it has one event after the other."""
        number = len(self._had)
        self._had.append(0)

        def received(now: float) -> None:
            self.delays.append(now - self.sent[self._had[number]])
            self._had[number] += 1

        return received

    async def up_to_date(self) -> None:
        """Until everybody has been told all."""
        async with asyncio.timeout(PATIENCE):
            while min(self._had) < len(self.sent):
                await asyncio.sleep(0.01)


class LiveHostile:
    """One API process, and listeners of which most turn bad."""

    def __init__(self, folder: Path, size: Size) -> None:
        self._deployment = Deployment(folder)
        self._deployment.environment |= {
            "NERVE_PING_INTERVAL": str(size.ping_interval),
        }
        self._size = size
        self._numbers = count(1)
        self._crowd = _Listeners()
        self._peak = 0
        self._server = ""
        self.outcome = Outcome(size.good, size.vanishing)

    def run(self, step: Callable[[], None] = lambda: None) -> Outcome:
        """All rounds; `step` is called after each."""
        try:
            self._server = self._deployment.api()
            asyncio.run(self._run(f"{self._server.replace('http', 'ws', 1)}/graphql", step))
        finally:
            self._deployment.end()
        if max(self.outcome.growth) > GROWTH:
            self.outcome.wrongs.append(f"the server's memory grew by {max(self.outcome.growth):,} bytes")
        return self.outcome

    async def _run(self, url: str, step: Callable[[], None]) -> None:
        async with open_runtime(self._deployment.settings()) as nerve:
            good = await asyncio.gather(
                *(listen(url, QUERY, self._crowd.member()) for _ in range(self._size.good))
            )
            watching = asyncio.create_task(self._watch())
            # Not for those who will vanish: what the kernel keeps for them grows with what they have taken.
            await self._send(nerve, self._size.burst, 0)
            for _ in range(self._size.rounds):
                await self._round(nerve, url)
                step()
            watching.cancel()
            for one in good:
                if one.transport.is_closing():
                    self.outcome.wrongs.append("a good listener was cut off")
                one.transport.abort()

    async def _round(self, nerve: Runtime, url: str) -> None:
        numbers = range(self._size.vanishing + 2)
        queries = [QUERY.replace("own", f"own{number}") if self._size.own else QUERY for number in numbers]
        bad = await asyncio.gather(*(listen(url, query) for query in queries))
        self.outcome.before.append(await self._send(nerve, self._size.paced, SPACING))
        before = self._peak = self._memory()
        vanished = time.monotonic()
        for one in bad:
            one.stop_reading()
        slow = asyncio.create_task(_read_slowly(bad[0]))
        await self._send(nerve, self._size.burst, 0)
        self.outcome.during.append(await self._send(nerve, self._size.paced, SPACING))
        await self._found()
        self.outcome.found.append(time.monotonic() - vanished)
        self.outcome.growth.append(self._peak - before)
        slow.cancel()
        for one in bad:
            one.transport.abort()

    async def _send(self, nerve: Runtime, events: int, spacing: float) -> float:
        """Append so many events; the seconds in which 99 of 100 were told."""
        self._crowd.delays.clear()
        for _ in range(events):
            await asyncio.sleep(spacing)
            content = {"text": "x" * PAYLOAD}
            self._crowd.sent.append(time.perf_counter())
            await nerve.bus.dispatch(
                Envelope(CreateDocument(title=f"Minutes {next(self._numbers)}", content=content))
            )
        await self._crowd.up_to_date()
        return _p99(self._crowd.delays)

    async def _found(self) -> None:
        """Until the server has only those who read, however slowly."""
        async with (
            httpx.AsyncClient(base_url=self._server, timeout=PATIENCE) as http,
            asyncio.timeout(PATIENCE + 3 * self._size.ping_interval),
        ):
            while _open_sockets((await http.get("/metrics")).text) > self._size.good + 1:
                await asyncio.sleep(0.2)

    async def _watch(self) -> None:
        while True:
            self._peak = max(self._peak, self._memory())
            await asyncio.sleep(0.05)

    def _memory(self) -> int:
        """Bytes of the server's process that are in memory."""
        status = Path(f"/proc/{self._deployment.children[0].pid}/status").read_text()
        [size] = [
            connection.split()[1] for connection in status.splitlines() if connection.startswith("VmRSS:")
        ]
        return int(size) * 1024


async def _read_slowly(listener: Listener) -> None:
    """A message a second: its buffer holds no two of them."""
    while True:
        await asyncio.sleep(1)
        listener.read_once()


def _open_sockets(metrics: str) -> float:
    [connection] = [
        connection for connection in metrics.splitlines() if connection.startswith("nerve_sockets ")
    ]
    return float(connection.split()[1])


def _p99(delays: Sequence[float]) -> float:
    return sorted(delays)[ceil(len(delays) * 0.99) - 1]

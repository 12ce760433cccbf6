"""The tail of the console in a browser, while a thousand events a second are stored."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any
from uuid import uuid4

from rich.table import Table

from api.lifecycle import open_runtime
from api.settings import Settings
from domain.dispatch.ports import NewCommit
from domain.tasks.events import TaskStateReported
from eventstore.log import EventLog
from tests.acceptance.clients.programs import browser_program, build_pages
from tests.helpers.commits import commit

RATE = 1_000
"""Events a second."""
BURST = 50
"""Events that are stored at once, by commits of `COMMIT` events."""
COMMIT = 10

HEAP = 200_000_000
"""Bytes that the heap of the page may take."""
PAINT = 1_000.0
"""Milliseconds to the first paint, from loopback."""
ANSWER = 100.0
"""Milliseconds after which a click must be answered."""


@dataclass
class Outcome:
    """What the browser saw. Times are in milliseconds; those of interactions below 16 are not measured."""

    events: int
    seconds: float = 0.0
    rows: int = 0
    clicks: int = 0
    heap: int = 0
    first_paint: float = 0.0
    interactions: Sequence[float] = ()
    wrongs: list[str] = field(default_factory=list)

    @property
    def slowest(self) -> float:
        return max(self.interactions, default=0.0)

    @property
    def late(self) -> list[str]:
        """What was slower than it may be."""
        late = [] if self.slowest <= ANSWER else [f"a click was answered after {self.slowest:.0f} ms"]
        return late if self.first_paint <= PAINT else [*late, f"first paint after {self.first_paint:.0f} ms"]

    def table(self) -> Table:
        """Return a table for people."""
        title = f"{self.events:,} events in {self.seconds:.0f} s, {self.rows:,} rows compared with the log"
        table = Table("figure", title=title)
        table.add_column("value", justify="right")
        table.add_row("first paint", f"{self.first_paint:.0f} ms")
        table.add_row("heap at most", f"{self.heap / 1e6:.0f} MB")
        table.add_row("clicks", f"{self.clicks}")
        table.add_row("slower than 16 ms", f"{len(self.interactions)}")
        table.add_row("median of these", f"{median(self.interactions or [0.0]):.0f} ms")
        table.add_row("slowest", f"{self.slowest:.0f} ms")
        return table


class ConsoleTail:
    """Has a browser follow the log of the API at `base` for some seconds; `settings` are those of its log."""

    def __init__(self, base: str, settings: Settings, seconds: int) -> None:
        self._plan = {"base": base, "events": seconds * RATE}
        self._settings = settings
        self._seconds = seconds
        self.outcome = Outcome(seconds * RATE)

    def run(self, step: Callable[[], None] = lambda: None) -> Outcome:
        """Run the trial; `step` is called after each second."""
        build_pages()
        with browser_program("tail", self._plan) as read:
            self.outcome.first_paint = read()["firstPaint"]
            ids = asyncio.run(self._write(step))
            self._judge(read(), ids)
        return self.outcome

    async def _write(self, step: Callable[[], None]) -> Sequence[str]:
        """Store the events at their rate; return the ids of all events of the log, in its order."""
        async with open_runtime(self._settings) as runtime:
            loop = asyncio.get_running_loop()
            began = loop.time()
            for number in range(1, self._seconds * RATE // BURST + 1):
                await asyncio.gather(*(runtime.log.append(_commit()) for _ in range(BURST // COMMIT)))
                await asyncio.sleep(max(0.0, began + number * BURST / RATE - loop.time()))
                if number % (RATE // BURST) == 0:
                    step()
            self.outcome.seconds = loop.time() - began
            return await _event_ids(runtime.log)

    def _judge(self, seen: dict[str, Any], ids: Sequence[str]) -> None:
        outcome, samples = self.outcome, seen["samples"]
        outcome.clicks, outcome.heap = seen["clicks"], seen["memory"]
        outcome.interactions = [interaction["duration"] for interaction in seen["interactions"]]
        outcome.wrongs += seen["problems"]
        if (received := samples[-1]["received"]) != len(ids):
            outcome.wrongs.append(f"{received:,} events received, and {len(ids):,} are in the log")
        for sample in samples:
            outcome.rows += len(sample["rows"])
            outcome.wrongs += _wrong_rows(sample, ids)
        if outcome.heap > HEAP:
            outcome.wrongs.append(f"the heap took {outcome.heap:,} bytes")


def _commit() -> NewCommit:
    """Return a commit of a new stream."""
    events = [TaskStateReported(state=f"step {number}") for number in range(COMMIT)]
    return commit(f"task-{uuid4().hex}", 0, *events, category="task", actor="ada")


async def _event_ids(log: EventLog) -> Sequence[str]:
    reader, ids, position = log.reader(), list[str](), 0
    while commits := await reader.read(position):
        ids += [event.id for each in commits for event in each.events]
        position = commits[-1].position
    return ids


def _wrong_rows(sample: dict[str, Any], ids: Sequence[str]) -> list[str]:
    """Return what is wrong about rows: each must be at the place in the log that the page gives it."""
    shown = {sample["received"] - 1 - row["fromEnd"]: row["id"] for row in sample["rows"]}
    return [
        f"event {place:,} on the page is {event}, in the log it is {ids[place]}"
        for place, event in shown.items()
        if ids[place] != event
    ]

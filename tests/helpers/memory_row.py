"""A bus over a log in memory, for tests that say when its appends land."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from api.ids import new_id, now
from domain.dispatch import CommandBus
from domain.dispatch.limits import DEFAULT_LIMITS, DispatchLimits
from domain.kernel import Command, Envelope, Receipt
from tests.helpers.tallies import CATALOG, Add, MemoryAggregates, MemoryLog, fold, totals

TALLY, OTHER = "tally-1", "tally-2"


class Row:
    """A bus over a log in memory, and the commands sent to it."""

    def __init__(self, limits: DispatchLimits = DEFAULT_LIMITS) -> None:
        self.log = MemoryLog()
        self.aggregates = MemoryAggregates(self.log)
        self.bus = CommandBus(CATALOG, self.log, self.aggregates, now, new_id, limits=limits)
        self._sent: list[asyncio.Task[Receipt]] = []

    async def send(self, *commands: Command, **envelope: Any) -> list[asyncio.Task[Receipt]]:
        """Dispatch the commands at once, and wait until nothing happens any more."""
        sent = [asyncio.create_task(self.bus.dispatch(Envelope(one, **envelope))) for one in commands]
        self._sent += sent
        await quiet()
        return sent

    async def end(self) -> None:
        for task in self._sent:
            task.cancel()
        await asyncio.gather(*self._sent, return_exceptions=True)

    async def add(self, *amounts: int, **envelope: Any) -> list[asyncio.Task[Receipt]]:
        return await self.send(*(Add(id=TALLY, amount=amount) for amount in amounts), **envelope)

    async def land(self, appends: int | None = None) -> None:
        """Let the log store what was started first."""
        for _ in range(len(self.log.under_way) if appends is None else appends):
            if self.log.under_way:
                self.log.land()
        await quiet()

    async def fail(self, error: Exception) -> None:
        self.log.fail(error)
        await quiet()

    @property
    def under_way(self) -> list[int]:
        return totals([one.commit for one in self.log.under_way], TALLY)

    @property
    def stored(self) -> list[int]:
        """The totals that the tally came to, each of them decided in the state before it."""
        fold(self.log.stored, TALLY)
        return totals(self.log.stored, TALLY)


@asynccontextmanager
async def open_row(limits: DispatchLimits = DEFAULT_LIMITS) -> AsyncIterator[Row]:
    """Open a bus over a log that has a tally, and cancel at the end what is still under way."""
    row = Row(limits)
    row.log.intrude(TALLY, 0)
    yield row
    await row.end()


async def quiet() -> None:
    for _ in range(300):
        await asyncio.sleep(0)


def receipt(task: asyncio.Task[Receipt]) -> Receipt:
    """What the caller has been told by now."""
    assert task.done()
    return task.result()


def refusal(task: asyncio.Task[Receipt]) -> type[BaseException | None]:
    assert task.done()
    return type(task.exception())

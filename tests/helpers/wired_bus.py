"""The bus over the real log, as one process has it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from api.ids import new_id, now
from domain.dispatch import CommandBus, Middleware
from domain.kernel import Catalog, Command, Envelope, Receipt, RecordedEvent
from eventstore.aggregates.repository import AggregateRepository
from eventstore.log import EventLog
from eventstore.mongo.driver import open_client
from tests.helpers.drivers import chosen_driver
from tests.helpers.memory_world import CATALOG


@dataclass(frozen=True)
class Wired:
    """A bus and the log behind it."""

    bus: CommandBus
    log: EventLog

    async def send(self, command: Command, occurred: datetime | None = None, **envelope: Any) -> Receipt:
        return await self.bus.dispatch(Envelope(command, occurred=occurred, **envelope))

    async def events(self) -> list[RecordedEvent]:
        """All that the log holds now, in order; waits until no position in it is open."""
        reader, after, found = self.log.reader(), 0, []
        head = await self.log.head()
        async with asyncio.timeout(60):
            while after < head:
                commits = await reader.read(after)
                found += [event for commit in commits for event in commit.events]
                after = commits[-1].position if commits else after
                await asyncio.sleep(0 if commits else 0.02)
        return found


@asynccontextmanager
async def wired(
    mongo_url: str,
    database: str,
    middleware: Sequence[Middleware] = (),
    *,
    catalog: Catalog = CATALOG,
    announce: Callable[[int], None] = lambda position: None,
) -> AsyncIterator[Wired]:
    """A bus of its own, as another process would have it: nothing is shared but the database."""
    async with open_client(mongo_url, chosen_driver()) as client:
        log = EventLog(client[database], catalog, clock=now, announce=announce, fence_after=1.0)
        await log.open()
        yield Wired(CommandBus(catalog, log, AggregateRepository(log), now, new_id, middleware), log)
        await log.close()

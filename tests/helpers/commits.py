"""Commits to append, and logs to append them to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from domain.dispatch.ports import NewCommit
from domain.kernel import Catalog, Commit, Event
from domain.kernel.event import NewEvent
from eventstore.archiving.blobs import BlobStore
from eventstore.log import EventLog
from eventstore.mongo.driver import Collection, Database, Driver, open_client
from eventstore.options import NEVER_SOLE, AppendOptions, CounterOptions, LogOptions
from eventstore.personal.sealing import MasterKeys
from tests.helpers import people
from tests.helpers.drivers import chosen_driver
from tests.helpers.notes import Scored, context, now

CATALOG = Catalog([context, people.context])

NEVER = 3600.0
"""Seconds before a reader fences a hole, in tests where it must not."""

RESERVED = CounterOptions(sole_after=NEVER_SOLE)
"""Each group reserves its positions from the counter."""

HELD = CounterOptions(sole_after=0.0, busy_rate=0)
"""A process holds the counter as soon as nobody else came between two of its reservations."""


def append_options(**bounds: Any) -> LogOptions:
    """Options of a log whose appends have these bounds."""
    return LogOptions(appends=AppendOptions(**bounds))


RESERVING = append_options(counter=RESERVED)
"""Options of a log that reserves its positions, however long a test takes."""


def commit(stream: str, expected: int = 0, *events: Event, **changes: Any) -> NewCommit:
    """A commit of the events, or of one; `changes` are fields of it."""
    fields = {
        "tenant": "default",
        "category": "note",
        "command_id": uuid4().hex,
        "command": "Touch",
        "correlation": "test",
        "causation": None,
        "actor": None,
        "source": None,
        "at": now(),
        "occurred": None,
    }
    new = tuple(NewEvent(uuid4().hex, event) for event in events or (Scored(by=1),))
    return NewCommit(stream=stream, expected=expected, events=new, **(fields | changes))


def scores(count: int) -> tuple[Event, ...]:
    return tuple(Scored(by=number) for number in range(1, count + 1))


@dataclass(frozen=True)
class Store:
    """A log as one process has it, and the database behind its back."""

    log: EventLog
    database: Database

    @property
    def documents(self) -> Collection:
        return self.database["log"]

    async def leave_hole(self, count: int = 1) -> int:
        """Reserve positions as a writer does that then stalls; return the first of them."""
        await self.database["counters"].update_one({"_id": "log"}, {"$inc": {"head": count}})
        counter = await self.database["counters"].find_one({"_id": "log"})
        assert counter is not None
        return int(counter["head"]) - count + 1

    async def reopen(self) -> Store:
        """Return the log as a new process has it, with the client of this one; close it after appends."""
        log = EventLog(
            self.database,
            CATALOG,
            clock=now,
            announce=lambda position: None,
            fence_after=NEVER,
            options=RESERVING,
        )
        await log.open()
        return Store(log, self.database)

    async def everything(self) -> list[Commit]:
        """What a new reader sees now, up to the first open position."""
        reader = self.log.reader()
        seen: list[Commit] = []
        while found := await reader.read(len(seen)):
            seen += found
        return seen


@asynccontextmanager
async def open_store(
    mongo_url: str,
    database: str,
    driver: Driver | None = None,
    *,
    fence_after: float = NEVER,
    announce: Callable[[int], None] = lambda position: None,
    catalog: Catalog = CATALOG,
    archive: BlobStore | None = None,
    masters: MasterKeys | None = None,
    options: LogOptions = RESERVING,
) -> AsyncIterator[Store]:
    """A log with a client of its own, as another process would have it."""
    async with open_client(mongo_url, driver or chosen_driver()) as client:
        log = EventLog(
            client[database],
            catalog,
            clock=now,
            announce=announce,
            fence_after=fence_after,
            archive=archive,
            masters=masters,
            options=options,
        )
        await log.open()
        yield Store(log, client[database])
        await log.close()

"""Processes that append, and the log they share, for the state machine."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from domain.kernel.errors import NerveError
from eventstore.log import EventLog
from eventstore.mongo.driver import Database
from tests.helpers.commits import CATALOG, HELD, NEVER, RESERVED, append_options
from tests.helpers.log_model import Attempt
from tests.helpers.notes import now
from tests.helpers.shaky_database import ShakyDatabase

T = TypeVar("T")

PATIENCE = 30.0
"""Seconds after which what was sent has no outcome for good."""


def open_log(database: Any, *, holds_counter: bool = False, fence_after: float = NEVER) -> EventLog:
    """A log that takes an outage to be over at once, and reports to the counter often if it holds it."""
    path = HELD if holds_counter else RESERVED
    counter = replace(path, report_every=0.01, dead_after=0.1)
    options = append_options(retry_after=0.001, counter=counter)
    return EventLog(
        database,
        CATALOG,
        clock=now,
        announce=lambda position: None,
        fence_after=fence_after,
        options=options,
    )


@dataclass
class Side:
    """A process that appends, and its appends under way."""

    database: ShakyDatabase
    log: EventLog
    tasks: dict[asyncio.Task[None], Attempt]

    def last(self, stream: str) -> Attempt | None:
        """What was sent last of those under way to the stream."""
        under_way = [one for task, one in self.tasks.items() if not task.done() and one.commit.events]
        sent = [one for one in under_way if one.commit.stream == stream]
        return sent[-1] if sent else None


class World:
    """One log for all runs of the machine; each has a tenant of its own, and begins at `end`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, database: Database) -> None:
        self.loop = loop
        self.database = database
        self.sober = open_log(database, fence_after=0.0)
        """A process to which nothing happens, and a reader that waits for nobody."""
        self.end = 0
        self.seen: dict[int, str] = {}
        self.run(self.sober.open())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)


def digest(command_id: str) -> bytes:
    return command_id.encode()[:16]


async def send(log: EventLog, attempt: Attempt) -> None:
    try:
        attempt.outcome = await log.append(attempt.commit)
    except NerveError as error:
        attempt.outcome = error


async def first_of(tasks: list[asyncio.Task[None]]) -> None:
    await asyncio.wait(tasks, timeout=0.02, return_when=asyncio.FIRST_COMPLETED)


async def ended(tasks: list[asyncio.Task[None]]) -> None:
    if tasks:
        _, open_still = await asyncio.wait(tasks, timeout=PATIENCE)
        assert not open_still, f"{len(open_still)} appends got no outcome"

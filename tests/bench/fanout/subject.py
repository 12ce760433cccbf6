"""nerve itself, as `nerve serve` runs it, and what hands it events."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import uvicorn

from api.ids import now
from api.runtime import Runtime
from api.server import open_server
from api.settings import load_settings
from domain.dispatch.ports import NewCommit
from domain.kernel import Commit, CommitInfo, RecordedEvent
from domain.kernel.event import NewEvent
from domain.tasks.events import TaskCompleted
from eventstore.log import EventLog
from subscriptions.feed.feed import LOG_TOPIC
from tests.bench.fanout.event import CATEGORY, FIRST, TYPE, event_id
from tests.bench.fanout.serve import Served

KEPT = 50_000
"""Commits that can still be read; more than is ever pushed at once."""


class Handed:
    """A log in memory: what it is handed is there to be read at once."""

    def __init__(self) -> None:
        self._commits: deque[Commit] = deque(maxlen=KEPT)
        self._numbers = count(FIRST)
        self.head = 0

    def extend(self, events: int) -> None:
        for _ in range(events):
            self.head += 1
            self._commits.append(_commit(self.head, next(self._numbers)))

    async def read(self, after: int, limit: int = 500) -> Sequence[Commit]:
        first = len(self._commits) - (self.head - after)
        return [self._commits[place] for place in range(first, min(first + limit, len(self._commits)))]


def _commit(position: int, number: int) -> Commit:
    info = CommitInfo(
        position=position, tenant="default", stream=f"task-{number}", category=CATEGORY,
        command_id=f"cmd-{number}", command="CompleteTask", correlation=f"cmd-{number}", causation=None,
        actor=None, source=None, at=now(), occurred=None,
    )  # fmt: skip
    event = RecordedEvent(
        commit=info, place=0, id=event_id(number), type=TYPE, revision=1, version=1, data={}, payload=None
    )
    return Commit(position, info, (event,))


@asynccontextmanager
async def handed() -> AsyncIterator[Served]:
    """Events come as if they had just been read from the log; MongoDB is asked for nothing."""
    memory = Handed()

    class Log(EventLog):
        async def head(self) -> int:
            return memory.head

        async def high_water_mark(self) -> int:
            return memory.head

        def reader(self) -> Any:
            return memory

    class InMemory(Runtime):
        log_class = Log

    async with _serving(InMemory) as (nerve, server):

        def push(events: int, stored: Callable[[], None]) -> None:
            memory.extend(events)
            # As when Redis tells what another process appended.
            nerve.wakeups._accept(f"{LOG_TOPIC} {memory.head}".encode())

        yield Served(server, push)


@asynccontextmanager
async def appending() -> AsyncIterator[Served]:
    """Each event is appended for real, one after another, and read from MongoDB."""
    numbers = count(FIRST)
    async with _serving() as (nerve, server):
        waiting: asyncio.Queue[Callable[[], None]] = asyncio.Queue()

        def push(events: int, stored: Callable[[], None]) -> None:
            for _ in range(events):
                waiting.put_nowait(stored)

        async def append() -> None:
            while True:
                stored = await waiting.get()
                await nerve.log.append(_new(next(numbers)))
                stored()

        task = asyncio.create_task(append())
        yield Served(server, push)
        task.cancel()


def _new(number: int) -> NewCommit:
    event = NewEvent(event_id(number), TaskCompleted(agent_id="agent-bench", duration_seconds=1.0))
    return NewCommit(
        tenant="default", stream=f"task-{number}", category=CATEGORY, expected=0, events=(event,),
        command_id=f"cmd-{number}", command="CompleteTask", correlation=f"cmd-{number}", causation=None,
        actor=None, source=None, at=now(), occurred=None,
    )  # fmt: skip


@asynccontextmanager
async def _serving(runtime_class: type[Runtime] = Runtime) -> AsyncIterator[tuple[Runtime, uvicorn.Server]]:
    async with open_server(load_settings(), runtime_class=runtime_class) as server:
        app: Any = server.config.app
        yield app.state.runtime, server

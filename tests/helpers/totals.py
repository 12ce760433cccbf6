"""Aggregates that add up, and a process that loads them with snapshots."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from domain.kernel import Aggregate, Catalog, Facts
from eventstore.aggregates.rebuilder import AggregateRebuilder
from eventstore.aggregates.repository import AggregateRepository
from eventstore.aggregates.snapshots import Snapshots
from eventstore.personal.sealed_state import StateSeal
from tests.helpers.commits import CATALOG, Store, commit
from tests.helpers.notes import Scored, Touch

EVERY = 5


@dataclass(frozen=True, slots=True)
class Total(Aggregate[Touch, Scored]):
    category = "note"
    sum: int = 0

    def decide(self, command: Touch, facts: Facts) -> Sequence[Scored]:
        return ()

    def evolve(self, event: Scored) -> Total:
        return Total(self.sum + event.by)


@dataclass(frozen=True, slots=True)
class Odd(Aggregate[Touch, Scored]):
    """Its fold makes states that are not of the declared types."""

    category = "note"
    seen: tuple[str, ...] = ()

    def decide(self, command: Touch, facts: Facts) -> Sequence[Scored]:
        return ()

    def evolve(self, event: Scored) -> Odd:
        return Odd((*self.seen, event.by))  # type: ignore[arg-type]


class Process:
    """Loads aggregates as one process does; `cold` forgets what it has in memory."""

    def __init__(self, store: Store, catalog: Catalog = CATALOG, **options: Any) -> None:
        self.store = store
        self.snapshots = Snapshots(store.database, catalog, StateSeal(store.log.keys))
        self.rebuilder = AggregateRebuilder(store.log, self.snapshots, EVERY, **options)
        self.aggregates = AggregateRepository(store.log, self.rebuilder)

    async def cold(self, stream: str = "note-a", kind: Any = Total) -> Any:
        """The state of the stream and its version, by a repository that has never seen it."""
        loaded = await AggregateRepository(self.store.log, self.rebuilder).load("default", stream, kind)
        return loaded.state, loaded.version

    async def append(self, count: int, stream: str = "note-a") -> None:
        """`count` commits of one event that adds 1 each."""
        _, version = await self.from_zero(stream)
        for number in range(count):
            await self.store.log.append(commit(stream, version + number, Scored(by=1)))

    async def from_zero(self, stream: str = "note-a", kind: Any = Total) -> Any:
        loaded = await AggregateRepository(self.store.log).load("default", stream, kind)
        return loaded.state, loaded.version

    async def kept(self, stream: str = "note-a") -> dict[str, Any] | None:
        return await self.store.database["snapshots"].find_one({"_id": f"default/{stream}"})

    async def snapshot_at(self, version: int, stream: str = "note-a") -> dict[str, Any]:
        """The stream's snapshot once it is at the version."""
        async with asyncio.timeout(60):
            while (found := await self.kept(stream)) is None or found["version"] != version:
                await asyncio.sleep(0.01)
        return found


async def idle(rebuilder: AggregateRebuilder) -> None:
    """Wait until nothing waits for a snapshot."""
    async with asyncio.timeout(60):
        while rebuilder.waiting:
            await asyncio.sleep(0.001)

"""The parts of nerve over a log of notes, as one process has them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import uuid4

from domain.builtin import deadletters, subjects
from domain.dispatch.ports import NewCommit
from domain.kernel import (
    Catalog,
    Commit,
    Event,
    Receipt,
)
from domain.kernel.event import NewEvent
from eventstore.archiving.blobs import BlobStore
from eventstore.log import EventLog
from eventstore.mongo.driver import Collection, Database, Driver, open_client
from eventstore.options import DEFAULT_OPTIONS, LogOptions
from eventstore.personal.sealing import MasterKeys
from projections.kernel.view import View
from projections.live.live_view import LiveView
from projections.live.view_tail import ViewTail
from projections.past.reader import PastReader
from projections.projecting.view_worker import ViewWorker
from projections.querying.locator import ViewLocator
from projections.querying.queries import ViewReader
from projections.rebuilding.rebuild_context import RebuildContext
from projections.rebuilding.rebuilds import Rebuilds
from projections.storage.rows import collection
from subscriptions.consumers.checkpoints import Checkpoints
from subscriptions.consumers.generations import Generations
from subscriptions.feed.feed import LOG_TOPIC, Feed
from subscriptions.feed.wakeups import Wakeups
from subscriptions.live.event_hub import EventHub
from tests.helpers.drivers import chosen_driver
from tests.helpers.notes import START, Written, now, view


@dataclass
class Rig:
    """One process's worth of parts; start what a test needs."""

    database: Database
    redis_url: str
    poll_interval: float
    tenant: str = "default"
    view: View[Any] = view
    versions: dict[tuple[str, str], int] = field(default_factory=dict)
    archive: BlobStore | None = None
    masters: MasterKeys | None = None
    lease_time: float = 3.0
    partitions: int = 1
    cluster: bool = False
    options: LogOptions = DEFAULT_OPTIONS

    def __post_init__(self) -> None:
        self.wakeups = Wakeups(self.redis_url, self.database.name, cluster=self.cluster)
        self.log = EventLog(
            self.database,
            Catalog([self.view.context, subjects.context, deadletters.context]),
            clock=now,
            announce=lambda position: self.wakeups.announce(LOG_TOPIC, position),
            fence_after=0.3,
            archive=self.archive,
            masters=self.masters,
            options=self.options,
        )
        self.checkpoints = Checkpoints(self.database)
        self.feed = Feed(self.log, self.wakeups, self.poll_interval)
        self.events = EventHub(self.log, self.feed)
        parts = (self.database, self.checkpoints, self.wakeups, self.poll_interval)
        self.locator = ViewLocator(self.view, *parts)
        self.reader = ViewReader(self.locator)
        self.changes = ViewTail(self.locator, self.poll_interval)
        self.past = PastReader(self.reader, self.log, 100_000, within=60)
        self.live = LiveView(self.reader, self.changes, self.log.head, self.past.visible_since)
        context = (self.database, self.log, self.checkpoints, Generations(self.database), self.wakeups)
        self.rebuilds = Rebuilds([self.view], RebuildContext(*context, self.poll_interval), self.partitions)
        self._minutes = count()

    def worker(self) -> ViewWorker:
        parts = (self.database, self.feed, self.checkpoints, self.wakeups)
        tick = self.poll_interval
        time, of = self.lease_time, self.partitions
        leader = self.rebuilds.leader
        return ViewWorker(
            [self.view],
            *parts,
            tick=tick,
            lease_time=time,
            partitions=of,
            lead=leader.lead,
            observe=leader.observe,
        )

    async def append(self, stream: str, *events: Event, tenant: str | None = None) -> Receipt:
        """Store the events as one commit; each later one happened a minute after the one before."""
        scope = tenant or self.tenant
        expected = self.versions.get((scope, stream), 0)
        new = tuple(NewEvent(uuid4().hex, event) for event in events)
        occurred = START + timedelta(minutes=next(self._minutes))
        commit = NewCommit(
            tenant=scope, stream=stream, category=stream.partition("-")[0], expected=expected, events=new,
            command_id=uuid4().hex, command="Touch", correlation="test", causation=None, actor=None,
            source=None, at=now(), occurred=occurred,
        )  # fmt: skip
        receipt = await self.log.append(commit)
        self.versions[scope, stream] = receipt.version
        return receipt

    async def commits(self) -> list[Commit]:
        """The whole log, for a test that is done with writing."""
        found: list[Commit] = []
        reader = self.log.reader()
        while more := await reader.read(found[-1].position if found else 0):
            found += more
        return found

    async def documents(self, generation: int | None = None) -> dict[str, dict[str, Any]]:
        """What the view holds, without the generation: the active one's rows, or this one's."""
        rows = self.rows(generation) if generation else (await self.locator.reached())[0]
        stored = await rows.find().to_list(None)
        return {row["_id"]: {key: row[key] for key in row if key != "_generation"} for row in stored}

    def rows(self, generation: int = 1) -> Collection:
        """Where the rows of a generation are."""
        return collection(self.database, self.view, generation)

    async def write(self, names: Iterable[str]) -> int:
        """A new note for each name; the position of the last."""
        position = 0
        for name in names:
            position = (await self.append(f"note-{name}", Written(text=name))).position
        return position

    async def projected(self, within: float = 60) -> int:
        """Wait until the view has everything that is in the log now."""
        head = await self.log.head()
        await self.reader.wait_for(head, within)
        return head


@asynccontextmanager
async def open_rig(
    mongo_url: str,
    redis_url: str,
    database: str,
    *,
    poll_interval: float = 0.2,
    work: bool = False,
    driver: Driver | None = None,
    **options: Any,
) -> AsyncIterator[Rig]:
    """A rig with its feed and live view running, and with `work` a view worker; `options` are its fields."""
    async with open_client(mongo_url, driver or chosen_driver()) as client:
        rig = Rig(client[database], redis_url, poll_interval, **options)
        await rig.log.open()
        parts: list[Any] = [rig.wakeups, *([rig.worker()] if work else [])]
        for part in parts:
            await part.start()
        try:
            yield rig
        finally:
            for part in reversed(parts):
                await part.stop()
            await rig.log.close()

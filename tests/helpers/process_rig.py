"""The runtime of processes on real servers, as one worker has it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from api.ids import new_id, now
from domain.dispatch import CommandBus
from domain.kernel import Catalog, Command, Envelope, Event, Receipt, RecordedEvent, Scope
from domain.process import Policy, policy_events
from domain.process.context import ProcessContext
from domain.process.events import ProcessStatus
from domain.process.instance_state import InstanceState
from eventstore.aggregates.repository import AggregateRepository
from eventstore.log import EventLog
from eventstore.mongo.driver import Database, open_client
from eventstore.personal.sealing import MasterKeys
from subscriptions.consumers.checkpoints import Checkpoints
from subscriptions.feed.feed import LOG_TOPIC, Feed
from subscriptions.feed.wakeups import Wakeups
from subscriptions.processes.circuits import PortCircuit
from subscriptions.processes.instances import InstanceKey, Instances
from subscriptions.processes.ports import PortAdapter
from subscriptions.processes.process_parts import ProcessParts
from subscriptions.processes.worker import ProcessWorker
from tests.helpers.chore_process.chores import CATALOG, BeginChore
from tests.helpers.drivers import chosen_driver

PATIENCE = 120
"""Seconds after which what was awaited is given up."""


class CountingMeter:
    """Counts what the runtime reports."""

    def __init__(self) -> None:
        self.steps = 0
        self.retries = 0
        self.outcomes: list[tuple[str, str]] = []
        self.circuits: list[tuple[str, bool]] = []

    def step(self, process: str) -> None:
        self.steps += 1

    def effect(self, process: str, kind: str, outcome: str, seconds: float) -> None:
        self.outcomes.append((kind, outcome))

    def retry(self, process: str, kind: str) -> None:
        self.retries += 1

    def circuit(self, port: str, is_open: bool) -> None:
        self.circuits.append((port, is_open))


class ProcessRig:
    """The parts of one worker. `start` begins to run processes."""

    def __init__(
        self,
        database: Database,
        redis_url: str,
        adapters: Mapping[str, PortAdapter],
        catalog: Catalog,
        lease_time: float,
        partitions: int,
        recovery: float,
        policies: Sequence[Policy],
        masters: MasterKeys | None,
    ) -> None:
        if policies:
            catalog = Catalog([*catalog.contexts, policy_events.context])
        self.database = database
        self.meter = CountingMeter()
        self.wakeups = Wakeups(redis_url, database.name)
        self.log = EventLog(
            database,
            catalog,
            clock=now,
            announce=lambda position: self.wakeups.announce(LOG_TOPIC, position),
            fence_after=0.3,
            masters=masters,
        )
        self.checkpoints = Checkpoints(database)
        self.feed = Feed(self.log, self.wakeups, 0.2)
        self.aggregates = AggregateRepository(self.log)
        self.bus = CommandBus(catalog, self.log, self.aggregates, now, new_id)
        processes = {each.category: each for each in catalog.contexts if isinstance(each, ProcessContext)}
        self.instances = Instances(processes, self.log, self.aggregates, now, new_id)
        circuits = {
            port: PortCircuit(port, adapter, self.meter.circuit, recovery)
            for port, adapter in adapters.items()
        }
        self.parts = self._make_parts(catalog, processes, circuits)
        self.worker = ProcessWorker(
            self.parts, self.feed, self.checkpoints, self.wakeups,
            tick=0.2, lease_time=lease_time, partitions=partitions, policies=policies,
        )  # fmt: skip

    def _make_parts(
        self,
        catalog: Catalog,
        processes: Mapping[str, ProcessContext],
        circuits: Mapping[str, PortCircuit],
    ) -> ProcessParts:
        return ProcessParts(
            processes=processes,
            database=self.database,
            catalog=catalog,
            log=self.log,
            bus=self.bus,
            instances=self.instances,
            circuits=circuits,
            clock=now,
            meter=self.meter,
        )

    async def until_following(self, consumers: Collection[str]) -> None:
        """Wait until these consumers have a place in the log, so that they handle all that follows."""
        started = {"_id": {"$in": list(consumers)}}
        async with asyncio.timeout(PATIENCE):
            while await self.database["consumers"].count_documents(started) < len(consumers):
                await asyncio.sleep(0.01)

    async def send(self, command: Command, tenant: str = "default", **envelope: Any) -> Receipt:
        return await self.bus.dispatch(Envelope(command, Scope(tenant), **envelope))

    async def begin(self, *steps: str, tenant: str = "default") -> InstanceKey:
        """Begin a chore; return its instance."""
        key = uuid4().hex
        await self.send(BeginChore(id=f"chorelist-{key}", steps=steps), tenant)
        return InstanceKey(tenant, f"chore-{key}")

    async def until(self, instance: InstanceKey, status: ProcessStatus) -> InstanceState:
        """Wait until an instance has this status."""
        state = InstanceState()
        try:
            async with asyncio.timeout(PATIENCE):
                while (state := await self.state(instance)).status is not status:
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(
                f"{instance.stream} is not {status}: {await self.payloads(instance)}"
            ) from None
        return state

    async def state(self, instance: InstanceKey) -> InstanceState:
        return await self.instances.state(instance, fresh=True)

    async def events(self, stream: str, tenant: str = "default") -> Sequence[RecordedEvent]:
        return await self.log.stream(tenant, stream)

    async def payloads(self, instance: InstanceKey) -> Sequence[Event | None]:
        return [event.payload for event in await self.events(instance.stream, instance.tenant)]


@asynccontextmanager
async def open_process_rig(
    mongo_url: str,
    redis_url: str,
    database: str,
    *,
    adapters: Mapping[str, PortAdapter] | None = None,
    catalog: Catalog = CATALOG,
    work: bool = True,
    lease_time: float = 3.0,
    partitions: int = 1,
    recovery: float = 0.2,
    policies: Sequence[Policy] = (),
    masters: MasterKeys | None = None,
) -> AsyncIterator[ProcessRig]:
    """A worker of its own, as another process would have it: nothing is shared but the database."""
    async with open_client(mongo_url, chosen_driver()) as client:
        rig = ProcessRig(
            client[database], redis_url, adapters or {}, catalog, lease_time, partitions, recovery, policies,
            masters,
        )  # fmt: skip
        await rig.log.open()
        await rig.wakeups.start()
        if work:
            await rig.worker.start()
        try:
            yield rig
        finally:
            await rig.worker.stop()
            await rig.wakeups.stop()
            await rig.log.close()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(PATIENCE):
        while not await condition():
            await asyncio.sleep(0.02)

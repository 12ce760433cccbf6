"""What publishes the log on real servers, as one worker has it, without views."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from api.ids import new_id, now
from api.position_seal import PositionSeal
from api.webhook_settings import WebhookSettings
from api.webhooks.conditions import WebhookConditions
from api.webhooks.http_sender import HttpSender
from api.webhooks.pausing import CommandPauser
from api.webhooks.secrets import WebhookSecrets
from domain.builtin import tenants, webhooks
from domain.builtin.subjects.commands import KEY_IS_DESTROYED, SUBJECT_HAS_KEY
from domain.builtin.system import alerts
from domain.builtin.tenants.commands import TENANT_IS_ERASED
from domain.builtin.webhooks.aggregate import Webhook
from domain.builtin.webhooks.commands import CreateWebhook
from domain.dispatch import CommandBus, ConditionHandlers
from domain.kernel import Catalog, Command, Context, Envelope, Event, Receipt, Scope
from eventstore.aggregates.repository import AggregateRepository
from eventstore.log import EventLog
from eventstore.mongo.driver import Database, open_client
from eventstore.personal.erasure import Erasure
from eventstore.personal.sealing import MasterKeys
from eventstore.tenants.tenant_conditions import TenantConditions
from subscriptions.consumers.checkpoints import Checkpoints
from subscriptions.consumers.group import ConsumerDefinition
from subscriptions.consumers.state import ConsumerState
from subscriptions.feed.feed import LOG_TOPIC, Feed
from subscriptions.feed.wakeups import Wakeups
from subscriptions.publishing.ports import WebhookKey
from subscriptions.publishing.publishing_parts import PublishingParts
from subscriptions.publishing.retry_schedule import RetrySchedule
from subscriptions.publishing.webhook_status import WebhookStatus, WebhookStatusReader
from subscriptions.publishing.worker import PublishingWorker
from tests.helpers import notes
from tests.helpers.commits import commit
from tests.helpers.drivers import chosen_driver

PATIENCE = 60.0
"""Seconds after which what was awaited is given up."""

QUICK = WebhookSettings(
    timeout=10.0, first_pause=0.02, longest_pause=0.2, retry_for=timedelta(seconds=60), allow_private=True
)
"""Settings with short pauses. Also on a busy machine a request that is accepted does not time out."""


class CountingCheckpoints(Checkpoints):
    """Checkpoints that count how often a worker has read them, as it does once in each look."""

    looks = 0

    async def states(self, consumers: Iterable[str] | None = None) -> dict[str, ConsumerState]:
        states = await super().states(consumers)
        self.looks += 1
        return states


class WebhookRig:
    """The parts of one worker. `start` begins to publish; `restart` ends and begins as another worker."""

    def __init__(
        self,
        database: Database,
        redis_url: str,
        settings: WebhookSettings,
        contexts: tuple[Context, ...],
        masters: MasterKeys | None,
        streams: Mapping[str, ConsumerDefinition],
        clock: Callable[[], datetime],
        lease_time: float,
    ) -> None:
        catalog = Catalog([*contexts, webhooks.context, tenants.context, alerts.context])
        self.database = database
        self.wakeups = Wakeups(redis_url, database.name)
        self.log = EventLog(
            database,
            catalog,
            clock=now,
            announce=lambda position: self.wakeups.announce(LOG_TOPIC, position),
            fence_after=0.3,
            masters=masters,
        )
        self.checkpoints = CountingCheckpoints(database)
        self.feed = Feed(self.log, self.wakeups, 0.2)
        self.aggregates = AggregateRepository(self.log)
        conditions = _condition_handlers(settings, database, self.log, clock)
        self.bus = CommandBus(catalog, self.log, self.aggregates, now, new_id, conditions=conditions)
        self.secrets = WebhookSecrets(self.log.secrets)
        self.seal = PositionSeal(b"s" * 32)
        self.sender = HttpSender(settings, self.secrets, self.seal, clock)
        self.status_reader = WebhookStatusReader(database, self.log, self.checkpoints, clock)
        self.parts = self._make_parts(catalog, settings, clock)
        self._streams = streams
        self._lease_time = lease_time
        self._versions: dict[tuple[str, str], int] = {}
        self.worker = self._make_worker()

    def _make_parts(
        self, catalog: Catalog, settings: WebhookSettings, clock: Callable[[], datetime]
    ) -> PublishingParts:
        return PublishingParts(
            database=self.database,
            log=self.log,
            sender=self.sender,
            pauser=CommandPauser(self.bus, catalog),
            schedule=RetrySchedule(settings.first_pause, settings.longest_pause, settings.retry_for),
            concurrency=settings.concurrency,
            clock=clock,
            monotonic=time.monotonic,
        )

    def _make_worker(self) -> PublishingWorker:
        return PublishingWorker(
            self.parts, self.feed, self.checkpoints, self.wakeups,
            tick=0.2, lease_time=self._lease_time, streams=self._streams,
        )  # fmt: skip

    async def restart(self) -> None:
        """Stop the worker, and begin as another one."""
        await self.worker.stop()
        self.worker = self._make_worker()
        await self.worker.start()

    async def send(self, command: Command, tenant: str = "default") -> Receipt:
        return await self.bus.dispatch(Envelope(command, Scope(tenant)))

    async def create(self, url: str, tenant: str = "default", **fields: Any) -> str:
        """Create a webhook and return its id."""
        receipt = await self.send(CreateWebhook(name="test", url=url, **fields), tenant)
        return receipt.stream

    async def append(self, stream: str, *events: Event, tenant: str = "default", **fields: Any) -> Receipt:
        """Store events of a stream, a new note by default."""
        version = self._versions.get((tenant, stream), 0)
        new = events or (notes.Scored(by=version + 1),)
        category = stream.partition("-")[0]
        receipt = await self.log.append(
            commit(stream, version, *new, tenant=tenant, category=category, **fields)
        )
        self._versions[tenant, stream] = receipt.version
        return receipt

    async def status(self, id: str, tenant: str = "default") -> WebhookStatus:
        key = WebhookKey(tenant, id)
        return await self.status_reader.read(key, await self.webhook(id, tenant))

    async def webhook(self, id: str, tenant: str = "default") -> Webhook:
        return (await self.aggregates.load(tenant, id, Webhook, fresh=True)).state

    async def until_saved(self) -> None:
        """Wait until the checkpoints have all that is in the log now: what is behind them is sent again."""
        head = await self.log.head()
        async with asyncio.timeout(PATIENCE):
            while min((await self.checkpoints.furthest()).values(), default=0) < head:
                await asyncio.sleep(0.02)

    async def until_looked(self) -> None:
        """Wait until the worker has looked at its webhooks again, and has done what follows from that."""
        # The first read may have begun before, and the third one begins when the second look is over.
        enough = self.checkpoints.looks + 3
        async with asyncio.timeout(PATIENCE):
            while self.checkpoints.looks < enough:
                await asyncio.sleep(0.02)

    async def until_status(self, id: str, condition: Callable[[WebhookStatus], bool]) -> WebhookStatus:
        """Wait until the state of a webhook's deliveries meets a condition."""
        status = await self.status(id)
        async with asyncio.timeout(PATIENCE):
            while not condition(status):
                await asyncio.sleep(0.02)
                status = await self.status(id)
        return status


def _condition_handlers(
    settings: WebhookSettings, database: Database, log: EventLog, clock: Callable[[], datetime]
) -> ConditionHandlers:
    """Return handlers of the conditions of webhooks, tenants and subjects."""
    erasure = Erasure(log.keys)
    handlers = WebhookConditions(settings, database, log, clock).add_to(ConditionHandlers())
    handlers.add(TENANT_IS_ERASED, TenantConditions(database).require_erased)
    return handlers.add(SUBJECT_HAS_KEY, erasure.require_key).add(KEY_IS_DESTROYED, erasure.destroy_key)


@asynccontextmanager
async def open_webhook_rig(
    mongo_url: str,
    redis_url: str,
    database: str,
    *,
    settings: WebhookSettings = QUICK,
    contexts: tuple[Context, ...] = (notes.context,),
    masters: MasterKeys | None = None,
    streams: Mapping[str, ConsumerDefinition] | None = None,
    clock: Callable[[], datetime] = now,
    lease_time: float = 10.0,
) -> AsyncIterator[WebhookRig]:
    """A worker of its own: nothing is shared with others but the database."""
    async with open_client(mongo_url, chosen_driver()) as client:
        rig = WebhookRig(
            client[database], redis_url, settings, contexts, masters, streams or {}, clock, lease_time
        )
        await rig.log.open()
        await rig.wakeups.start()
        await rig.worker.start()
        try:
            yield rig
        finally:
            await rig.worker.stop()
            await rig.sender.close()
            await rig.wakeups.stop()
            await rig.log.close()


async def append_notes(rig: WebhookRig, streams: int, versions: int) -> None:
    """Append so many events to each stream, in turn."""
    for _ in range(versions):
        await asyncio.gather(*(rig.append(f"note-{number}") for number in range(streams)))

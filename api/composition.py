"""The composition root: the one place where the parts of a process are made and put together."""

from __future__ import annotations

import gc
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any

from api.archiving import open_archive, open_archiver
from api.contexts import load_contexts
from api.graphql.execution.request_context import Services
from api.ids import new_id, now
from api.metrics import MeteredLog, Metrics
from api.position_seal import PositionSeal
from api.rights.checks import check_rights
from api.settings import Settings, check_exposure
from domain.dispatch import CommandBus
from domain.dispatch.middleware import correlated, logged, metered, validated
from domain.kernel import Catalog
from domain.kernel.errors import ConfigurationError
from eventstore.aggregates.rebuilder import AggregateRebuilder
from eventstore.aggregates.repository import AggregateRepository
from eventstore.aggregates.snapshots import Snapshots
from eventstore.archiving.retention import Retention
from eventstore.integrity.log_compatibility import LogCompatibility
from eventstore.log import EventLog
from eventstore.mongo.driver import Database, open_client, refused_if_forbidden
from eventstore.personal.erasure import destroy_key_on_erasure
from eventstore.personal.sealed_state import StateSeal
from projections.kernel.view import View
from projections.live.command_status import CommandStatus
from projections.live.live_view import LiveView
from projections.live.view_tail import ViewTail
from projections.past.reader import PastReader
from projections.projecting.worker import ViewWorker
from projections.querying.dead_letters import DeadLetterReader, refusing_unparked
from projections.querying.locator import ViewLocator
from projections.querying.queries import ViewReader
from projections.querying.related import RelatedRows
from projections.querying.waiting import ProjectionWaits
from projections.rebuilding.rebuild_context import RebuildContext
from projections.rebuilding.rebuilds import Rebuilds
from subscriptions.consumers.block_sealing import BlockSealing
from subscriptions.consumers.checkpoints import Checkpoints
from subscriptions.consumers.generations import Generations
from subscriptions.consumers.log_shortfall import check_no_shortfall
from subscriptions.feed.feed import TOPIC, Feed
from subscriptions.feed.wakeups import Wakeups
from subscriptions.live.command_hints import CommandHints
from subscriptions.live.command_watch import CommandWatch
from subscriptions.live.event_hub import EventHub
from subscriptions.live.ring import RingLimits

logger = logging.getLogger(__name__)

GARBAGE_THRESHOLD = 50_000
"""New containers between two looks of a worker for cycles of them. A page of decoded commits is tens
of thousands without any: with Python's own 700 a quarter of a rebuild's time went into looking.
"""


@dataclass(frozen=True)
class Runtime:
    """All parts of a running process."""

    settings: Settings
    catalog: Catalog
    views: Sequence[View[Any]]
    database: Database
    wakeups: Wakeups
    checkpoints: Checkpoints
    log: EventLog
    rebuilder: AggregateRebuilder
    feed: Feed
    bus: CommandBus
    readers: Mapping[str, ViewReader]
    letters: DeadLetterReader
    changes: Mapping[str, ViewTail]
    rebuilds: Rebuilds
    services: Services
    metrics: Metrics


@asynccontextmanager
async def open_runtime(
    settings: Settings, *, project: bool = False, short: bool = False, operate: bool = False
) -> AsyncIterator[Runtime]:
    """A running nerve, stopped in order at the end: what was asked for is finished first.

    With `project` it is a worker, which keeps the views up to date. With `short` it may be opened on a log
    that ends before what its consumers have had. With `operate` it serves an operator, appends no event of a
    registered context, and may be opened on a log that its code cannot read whole.

    Raises ConfigurationError where a server's URL is missing or wrong, the master key is not the log's, the
    log ends too early, or the code cannot read it, Unavailable where MongoDB does not answer.
    """
    catalog, views = load_contexts(settings)
    if settings.mongo_url is None or settings.redis_url is None:
        raise ConfigurationError(
            "mongo_url and redis_url are not set; `nerve dev` starts both servers itself"
        )
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(
            open_client(settings.mongo_url.get_secret_value(), settings.mongo_driver)
        )
        database = client[settings.database]
        redis_url, cluster = settings.redis_url.get_secret_value(), settings.redis_cluster
        wakeups = Wakeups(redis_url, settings.database, cluster=cluster)
        with refused_if_forbidden("mongo_url"):
            await check_rights(database, views)
            runtime = await _assemble(settings, catalog, views, database, wakeups)
            if not short:
                await check_no_shortfall(runtime.log, runtime.checkpoints)
            if not operate:
                await _check_events(settings, catalog, database)
        await wakeups.start()
        stack.push_async_callback(wakeups.stop)
        stack.push_async_callback(runtime.rebuilder.close)
        stack.push_async_callback(runtime.log.close)
        if project:
            await _start_worker(runtime, stack)
        yield runtime


async def _check_events(settings: Settings, catalog: Catalog, database: Database) -> None:
    """Raises ConfigurationError where the code cannot read events of the log, unless that is accepted."""
    check = LogCompatibility(database, catalog)
    if problems := await check.problems():
        said = "; ".join(problems)
        if settings.unreadable_events == "refuse":
            raise ConfigurationError(
                f"{said} (docs/deployments.md; with unreadable_events: park, views would park such events)"
            )
        logger.warning("unreadable_events is park: %s", said)
    await check.keep()


async def _assemble(
    settings: Settings, catalog: Catalog, views: Sequence[View[Any]], database: Database, wakeups: Wakeups
) -> Runtime:
    metrics = Metrics()
    log = await _open_log(settings, catalog, database, wakeups)
    checkpoints = Checkpoints(database)
    feed = Feed(log, wakeups, settings.poll_interval)
    rebuilder = AggregateRebuilder(
        log, Snapshots(database, catalog, StateSeal(log.keys)), settings.snapshot_every
    )
    letters = DeadLetterReader(database, checkpoints, views)
    hints = CommandHints(wakeups)
    bus = await _bus(catalog, log, AggregateRepository(log, rebuilder), letters, metrics, hints)
    parts = (database, checkpoints, wakeups, settings.poll_interval)
    locators = {view.name: ViewLocator(view, *parts) for view in views}
    scan_limit = settings.scan_limit if settings.unindexed_queries == "refuse" else None
    readers = {name: ViewReader(locator, scan_limit) for name, locator in locators.items()}
    changes = {name: ViewTail(one, settings.poll_interval) for name, one in locators.items()}
    rings = RingLimits()
    live = {name: LiveView(reader, changes[name], log.head, limits=rings) for name, reader in readers.items()}
    past = {
        name: PastReader(reader, log, settings.max_past_events, settings.wait_timeout)
        for name, reader in readers.items()
    }
    seal = PositionSeal(await log.secret())
    context = RebuildContext(
        database, log, checkpoints, Generations(database), wakeups, settings.poll_interval
    )
    rebuilds = Rebuilds(views, context, settings.view_partitions)
    related = {name: RelatedRows(locator, scan_limit) for name, locator in locators.items()}
    limits = (settings.wait_timeout, settings.max_page, settings.max_rows)
    events = EventHub(log, feed, limits=rings)
    for name, tally in {"log": events.stats, **{name: one.stats for name, one in live.items()}}.items():
        metrics.watch_hub(name, tally)
    commands = CommandStatus(CommandWatch(log, feed, hints), readers, letters)
    waits = ProjectionWaits(readers, letters)
    served = (related, live, past, letters, waits, rebuilds, commands)
    services = Services(bus, log, feed, events, readers, *served, seal, *limits)
    return Runtime(
        settings=settings, catalog=catalog, views=views, database=database, wakeups=wakeups,
        checkpoints=checkpoints, log=log, rebuilder=rebuilder, feed=feed, bus=bus, readers=readers,
        letters=letters, changes=changes, rebuilds=rebuilds, services=services, metrics=metrics,
    )  # fmt: skip


async def _open_log(settings: Settings, catalog: Catalog, database: Database, wakeups: Wakeups) -> EventLog:
    log = EventLog(
        database,
        catalog,
        clock=now,
        announce=partial(wakeups.announce, TOPIC),
        fence_after=settings.fence_after,
        masters=settings.masters,
        archive=open_archive(settings),
    )
    await log.open()
    return log


async def _start_worker(runtime: Runtime, stack: AsyncExitStack) -> None:
    settings, metrics = runtime.settings, runtime.metrics
    gc.set_threshold(GARBAGE_THRESHOLD)
    worker = ViewWorker(
        runtime.views,
        runtime.database,
        runtime.feed,
        runtime.checkpoints,
        runtime.wakeups,
        tick=settings.poll_interval,
        lease_time=settings.lease_time,
        partitions=settings.view_partitions,
        builds=settings.rebuilds_at_once,
        wrap_handler=metrics.around,
        lead=runtime.rebuilds.lead,
        observe=runtime.rebuilds.observe,
    )
    metrics.holding(lambda: worker.partition_count)
    sealing = BlockSealing(runtime.log.block_sealer(), settings.poll_interval, runtime.log.measure_times)
    for part in (worker, sealing):
        await part.start()
        stack.push_async_callback(part.stop)
    if settings.archive_after is not None:
        archiver = await stack.enter_async_context(open_archiver(settings))
        retention = Retention(runtime.log, archiver, runtime.database, now, settings.archive_after)
        await retention.start()
        stack.push_async_callback(retention.stop)
    if settings.metrics_port is not None:
        check_exposure(settings)
        stack.callback(metrics.serve(settings.host, settings.metrics_port, settings.origin_policy))


async def _bus(
    catalog: Catalog,
    log: EventLog,
    aggregates: AggregateRepository,
    letters: DeadLetterReader,
    metrics: Metrics,
    hints: CommandHints,
) -> CommandBus:
    middleware = (
        metered(metrics, perf_counter),
        logged(logging.getLogger("nerve.commands")),
        correlated,
        validated,
        hints,
        destroy_key_on_erasure(log.keys),
        refusing_unparked(letters, log),
    )
    key = await log.digest_key()
    measured = MeteredLog(log, metrics)
    return CommandBus(catalog, measured, aggregates, now, new_id, middleware, digest_key=key)

"""Opening and closing the runtime of a process, and the parts that a worker runs in addition."""

from __future__ import annotations

import gc
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from api.archiving import open_archive, open_archiver
from api.contexts import Declarations, load_contexts
from api.exposure import check_metrics_exposure
from api.garbage import WORKER_GARBAGE_THRESHOLD
from api.ids import now
from api.instruments import NO_INSTRUMENTS, Instruments
from api.ports.required_ports import check_ports
from api.rights.checks import check_rights
from api.runtime import Runtime
from api.sampling_runtime import reporting
from api.self_monitoring.monitor import monitoring_itself
from api.settings import Settings, check_content_key
from api.watchdog import CallWatchdog
from domain.kernel import Catalog
from domain.kernel.errors import ConfigurationError
from eventstore.integrity.log_compatibility import LogCompatibility
from eventstore.log import EventLog
from eventstore.mongo.driver import Database, open_client, refused_if_forbidden
from projections.projecting.view_worker import ViewWorker
from subscriptions.consumers.archive_retention import Retention
from subscriptions.consumers.block_sealing import BlockSealing
from subscriptions.consumers.blocking_call_recorder import BlockingCallRecorder
from subscriptions.consumers.consumer import CommitHandler
from subscriptions.consumers.log_shortfall import check_no_shortfall
from subscriptions.feed.feed import LOG_TOPIC
from subscriptions.feed.wakeups import Wakeups

logger = logging.getLogger(__name__)


@asynccontextmanager
async def open_runtime(
    settings: Settings,
    *,
    worker: bool = False,
    allow_shortfall: bool = False,
    allow_unreadable: bool = False,
    runtime_class: type[Runtime] = Runtime,
    make_instruments: Callable[[Database], Instruments] = lambda _database: NO_INSTRUMENTS,
) -> AsyncIterator[Runtime]:
    """Open a runtime, and close it in order at the end: commands that have begun are completed first.

    With `worker` it also keeps the views up to date and runs processes. With `allow_shortfall` the log may
    end before the checkpoints of its consumers. With `allow_unreadable` the log may contain events that the
    code cannot read; the caller must then append no event of a registered context. `make_instruments` makes
    the instruments of the runtime, over the database of the log.

    Raises ConfigurationError where a port has no adapter, a server's URL is missing or wrong, the master key
    is missing or not the log's, the log ends too early, or the code cannot read it; Unavailable where MongoDB
    does not answer.
    """
    declarations = load_contexts(settings)
    if not allow_unreadable:
        check_ports(declarations.processes, settings.ports)
    check_content_key(settings)
    if settings.mongo_url is None or settings.redis_url is None:
        raise ConfigurationError("mongo_url and redis_url are not set; `nerve dev` starts both servers")
    async with AsyncExitStack() as stack:
        with refused_if_forbidden("mongo_url"):
            runtime = await _connect(runtime_class, settings, declarations, stack, make_instruments)
            if not allow_shortfall:
                await check_no_shortfall(runtime.log, runtime.checkpoints)
            if not allow_unreadable:
                await _check_compatibility(runtime)
                await runtime.claim_upkeep.open()
        await _start(runtime, stack, worker=worker)
        yield runtime


async def _connect(
    runtime_class: type[Runtime],
    settings: Settings,
    declarations: Declarations,
    stack: AsyncExitStack,
    make_instruments: Callable[[Database], Instruments],
) -> Runtime:
    """Open the servers and the log, and make all parts over them."""
    assert settings.mongo_url is not None
    assert settings.redis_url is not None
    client = await stack.enter_async_context(
        open_client(settings.mongo_url.get_secret_value(), settings.mongo_driver)
    )
    database = client[settings.database]
    redis_url = settings.redis_url.get_secret_value()
    wakeups = Wakeups(redis_url, settings.database, cluster=settings.redis_cluster)
    await check_rights(database, declarations.views)
    log = await _open_log(runtime_class.log_class, settings, declarations.catalog, database, wakeups)
    runtime = runtime_class(
        settings=settings,
        catalog=declarations.catalog,
        views=declarations.views,
        policies=declarations.policies,
        database=database,
        wakeups=wakeups,
        log=log,
        digest_key=await log.secrets.digest_key(),
        position_key=await log.secrets.position_key(),
        instruments=make_instruments(database),
    )
    runtime.make_parts()
    return runtime


async def _open_log(
    log_class: type[EventLog], settings: Settings, catalog: Catalog, database: Database, wakeups: Wakeups
) -> EventLog:
    log = log_class(
        database,
        catalog,
        clock=now,
        announce=partial(wakeups.announce, LOG_TOPIC),
        fence_after=settings.fence_after,
        masters=settings.master_keys,
        archive=open_archive(settings),
    )
    await log.open()
    return log


async def _start(runtime: Runtime, stack: AsyncExitStack, *, worker: bool) -> None:
    """Start what runs in the background of the process."""
    assert runtime.settings.redis_url is not None
    if runtime.settings.redis_url.get_secret_value().startswith("rediss:"):
        await runtime.wakeups.check_certificate()
    stack.push_async_callback(runtime.direct_reads.aclose)
    await runtime.wakeups.start()
    stack.push_async_callback(runtime.wakeups.stop)
    stack.push_async_callback(runtime.rebuilder.close)
    stack.push_async_callback(runtime.log.close)
    stack.callback(runtime.close_dispatchers)
    if worker:
        recorder = await _start_worker(runtime, stack)
        stack.enter_context(CallWatchdog(recorder.record))
    else:
        stack.enter_context(CallWatchdog())


async def _check_compatibility(runtime: Runtime) -> None:
    """Raise ConfigurationError where the code cannot read events of the log, unless the settings allow it."""
    compatibility = LogCompatibility(runtime.database, runtime.catalog)
    if problems := await compatibility.problems():
        text = "; ".join(problems)
        if runtime.settings.unreadable_events == "refuse":
            raise ConfigurationError(
                f"{text} (see docs/deployments.md; with unreadable_events: park, views park such events)"
            )
        logger.warning("views will park events that the code cannot read: %s", text)
    await compatibility.store_schemas()


async def _start_worker(runtime: Runtime, stack: AsyncExitStack) -> BlockingCallRecorder:
    """Start what a worker runs; return the recorder of calls that block it."""
    settings = runtime.settings
    assert settings.mongo_url is not None
    gc.set_threshold(WORKER_GARBAGE_THRESHOLD)
    views = _view_worker(runtime)
    runtime.metrics.count_partitions(lambda: views.partition_count)
    await stack.enter_async_context(reporting(runtime))
    sealing = BlockSealing(runtime.log.block_sealer(), settings.poll_interval, runtime.log.measure_times)
    for part in (views, sealing):
        await part.start()
        stack.push_async_callback(part.stop)
    # Only workers need the client of ports over HTTP, which takes long to import.
    from api.process_runtime import running_processes
    from api.publishing_runtime import running_publishers

    await stack.enter_async_context(running_processes(runtime))
    await stack.enter_async_context(running_publishers(runtime))
    archive_failure = await _start_archiving(runtime, stack)
    await stack.enter_async_context(monitoring_itself(runtime, archive_failure))
    if settings.metrics_port is not None:
        check_metrics_exposure(settings)
        stop = runtime.metrics.serve(
            settings.host, settings.metrics_port, settings.origin_policy, settings.metrics_token
        )
        stack.callback(stop)
    return BlockingCallRecorder(
        settings.mongo_url.get_secret_value(), settings.database, lambda: views.leases
    )


async def _start_archiving(runtime: Runtime, stack: AsyncExitStack) -> Callable[[], str | None]:
    """Archive in the background if the settings say so. Return a function for why that fails, if it does."""
    settings = runtime.settings
    if settings.archive_after is None:
        return lambda: None
    archiver = await stack.enter_async_context(open_archiver(settings))
    retention = Retention(runtime.log, archiver, runtime.database, now, settings.archive_after)
    await retention.start()
    stack.push_async_callback(retention.stop)
    return lambda: retention.failure


def _view_worker(runtime: Runtime) -> ViewWorker:
    settings, instruments, metrics = runtime.settings, runtime.instruments, runtime.metrics

    def wrap_handler(consumer: str, handler: CommitHandler) -> CommitHandler:
        return metrics.measure_handler(consumer, instruments.wrap_handler(consumer, handler))

    return ViewWorker(
        runtime.views,
        runtime.database,
        runtime.feed,
        runtime.checkpoints,
        runtime.wakeups,
        tick=settings.poll_interval,
        lease_time=settings.lease_time,
        partitions=settings.view_partitions,
        builds=settings.rebuilds_at_once,
        wrap_handler=wrap_handler,
        lead=runtime.rebuilds.leader.lead,
        observe=runtime.rebuilds.leader.observe,
    )

"""The monitor that each worker runs: it reports what the worker knows, and one of them keeps the alerts."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from api.runtime import Runtime
from api.self_monitoring.conditions import Thresholds, conditions
from api.self_monitoring.observing import observe
from api.self_monitoring.own_alerts import OwnAlerts, is_open
from api.self_monitoring_settings import SelfMonitoringSettings
from api.worker_reports import WorkerReport, WorkerReports
from domain.kernel.errors import NerveError
from eventstore.mongo.lease import NamedLease
from projections.builtin.alerts import view as alerts_view
from subscriptions.feed.background import BackgroundLoop

logger = logging.getLogger("nerve.alerts")

LEASE_PART = 0.8
"""The part of an interval for which a worker has the lease: it expires before the next check."""

VALID_INTERVALS = 4
"""Intervals for which a worker's report counts after the worker has ended."""


@asynccontextmanager
async def monitoring_itself(
    runtime: Runtime, archive_failure: Callable[[], str | None]
) -> AsyncIterator[None]:
    """Keep the alerts about nerve inside the context, where they are enabled and the view `alerts` is served.

    `archive_failure` returns why this worker could not archive, None if it could.
    """
    settings = runtime.settings.self_monitoring or SelfMonitoringSettings()
    if not settings.enabled or alerts_view.name not in runtime.view_parts:
        yield
        return
    monitor = SelfMonitor(runtime, settings, archive_failure)
    loop = BackgroundLoop(monitor.run, "nerve does not watch itself", logger, expected=(NerveError,))
    loop.start()
    try:
        yield
    finally:
        await loop.stop()
        await monitor.close()


def worker_reports(runtime: Runtime) -> WorkerReports:
    """Return the reports of the workers of a deployment."""
    settings = runtime.settings.self_monitoring or SelfMonitoringSettings()
    return WorkerReports(runtime.database, settings.interval * VALID_INTERVALS)


class SelfMonitor:
    """Checks a deployment. Of its workers, the one with the lease does, about once in each interval."""

    def __init__(
        self,
        runtime: Runtime,
        settings: SelfMonitoringSettings,
        archive_failure: Callable[[], str | None],
    ) -> None:
        self._runtime = runtime
        self._interval = settings.interval
        self._thresholds = Thresholds(settings.max_lag, settings.tenant)
        self._archive_failure = archive_failure
        self._reports = worker_reports(runtime)
        self._alerts = OwnAlerts(runtime)
        self._lease = NamedLease(runtime.database["meta"], "self-monitoring", settings.interval * LEASE_PART)

    async def run(self) -> float:
        """Do one check, or leave it to another worker. Return the seconds until the next one."""
        circuits = tuple(sorted(self._runtime.metrics.processes.open_circuits))
        archive_url = self._runtime.settings.archive_url
        await self._reports.write(WorkerReport(circuits, self._archive_failure(), archive_url))
        if await self._lease.take() is not None:
            await self.check()
        return self._interval

    async def check(self) -> None:
        """Raise and resolve alerts by the present state of the deployment. Raises Unavailable."""
        observed = await observe(self._runtime, await self._reports.read())
        rows = await self._alerts.rows()
        open_alerts = {name for name, row in rows.items() if is_open(row)}
        await self._alerts.update(conditions(observed, open_alerts, self._thresholds), rows)

    async def close(self) -> None:
        """Withdraw the report of this worker."""
        await self._reports.withdraw()

"""Reporting the counts of a server to the others, and sampling what all of them report.

Reports and beats come over Redis, and nothing is asked of MongoDB. While Redis is away, a server samples what
it knows of itself.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

from api.recent_metrics.metrics_reports import REPORT_TOPIC, MetricsReport, ServerRole
from api.recent_metrics.reporting_servers import REPORT_INTERVAL
from api.runtime import Runtime
from eventstore.server_names import server_name
from subscriptions.feed.background import BackgroundLoop
from subscriptions.feed.feed import LOG_TOPIC

logger = logging.getLogger("nerve.metrics")


@asynccontextmanager
async def reporting(runtime: Runtime) -> AsyncIterator[None]:
    """Report the counts of this worker inside the context."""
    reporter = MetricsReporter(runtime, ServerRole.WORKER)

    async def report() -> float:
        reporter.report()
        return REPORT_INTERVAL

    async with _repeating(BackgroundLoop(report, "this server does not report its counts", logger)):
        yield


@asynccontextmanager
async def sampling(runtime: Runtime) -> AsyncIterator[None]:
    """Report the counts of this API process inside the context, and sample those of all servers."""
    sampler = MetricsSampler(runtime)
    async with _repeating(BackgroundLoop(sampler.run, "metrics are not sampled", logger)):
        yield


@asynccontextmanager
async def _repeating(loop: BackgroundLoop) -> AsyncIterator[None]:
    loop.start()
    try:
        yield
    finally:
        await loop.stop()


class MetricsReporter:
    """Sends the counts of this server to the others."""

    def __init__(self, runtime: Runtime, role: ServerRole) -> None:
        self._runtime = runtime
        self._role = role
        self._started_at = time.time()
        self._started = time.monotonic()
        self.id = uuid4().hex

    def report(self) -> MetricsReport:
        """Send a report; return it."""
        report = MetricsReport(
            id=self.id,
            name=server_name(),
            role=self._role,
            started_at=self._started_at,
            uptime=time.monotonic() - self._started,
            counts=self._runtime.metrics.counts(),
        )
        self._runtime.wakeups.publish(REPORT_TOPIC, report.to_text())
        return report


class MetricsSampler:
    """Receives the reports of servers and the beats of workers, and takes a sample in each interval."""

    def __init__(self, runtime: Runtime) -> None:
        self._recent = runtime.metrics.recent
        self._reporter = MetricsReporter(runtime, ServerRole.API)
        self._log = runtime.wakeups.position_waiters(LOG_TOPIC)
        runtime.wakeups.on_beat(self._take_beat)
        runtime.wakeups.subscribe(REPORT_TOPIC, self._take_report)

    async def run(self) -> float:
        """Report, and take a sample. Return the seconds until the next one."""
        report = self._reporter.report()
        self._recent.accept(report, time.time())
        self._recent.progress.reach(self._log.highest)
        self._recent.sample(time.time())
        return REPORT_INTERVAL - time.time() % REPORT_INTERVAL

    def _take_beat(self, topic: str, position: int) -> None:
        self._recent.progress.reach(self._log.highest)
        if topic != LOG_TOPIC:
            self._recent.progress.beat(topic, position, time.time())

    def _take_report(self, text: str) -> None:
        report = MetricsReport.from_text(text)
        if report is None:
            return
        if report.id == self._reporter.id:
            self._recent.echo(time.time())
        else:
            self._recent.accept(report, time.time())

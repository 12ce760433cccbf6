"""The servers that report, and how fast they work. Times are in seconds on one clock, which is passed in."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from api.recent_metrics.metrics_reports import MetricsReport

REPORT_INTERVAL = 5.0
"""Seconds between two reports of a server."""

REPORT_VALIDITY = 3 * REPORT_INTERVAL
"""Seconds after its last report in which a server counts as running."""

RATE_SPAN = 60.0
"""Seconds over which the rates of single commands and events are computed."""

CLOSEST_REPORTS = 1.0
"""Seconds of uptime between two reports of a server, of which a closer one is ignored."""

MAX_REPORTS = int(2 * RATE_SPAN / REPORT_INTERVAL)
"""Reports of one server that are kept. Anybody may write to the channel."""

MAX_SERVERS = 100
"""Servers whose reports are kept. Anybody may write to the channel."""


class Rates(NamedTuple):
    """What was done per second: commands by outcome, stored events, and delivered results."""

    accepted: float = 0.0
    refused: float = 0.0
    failed: float = 0.0
    events: float = 0.0
    deliveries: float = 0.0

    @classmethod
    def between(cls, earlier: MetricsReport, later: MetricsReport) -> Rates:
        """Return the rates of a server between two of its reports."""
        seconds = later.uptime - earlier.uptime
        totals = zip(_totals(later), _totals(earlier), strict=True)
        return cls(*(max(0, late - early) / seconds for late, early in totals)) if seconds > 0 else cls()

    @classmethod
    def total(cls, rates: Sequence[Rates]) -> Rates:
        """Return the sum of the rates of several servers."""
        return cls(*(sum(each) for each in zip(cls(), *rates, strict=True)))


def _totals(report: MetricsReport) -> tuple[int, ...]:
    counts = report.counts
    return (*counts.command_total, counts.event_total, counts.deliveries)


@dataclass(slots=True)
class ReportingServer:
    """The reports of one server within `RATE_SPAN`, the latest last, and when that one was received."""

    reports: deque[MetricsReport] = field(default_factory=lambda: deque(maxlen=MAX_REPORTS))
    received_at: float = 0.0

    @property
    def latest(self) -> MetricsReport:
        """The latest report."""
        return self.reports[-1]

    @property
    def rates(self) -> Rates:
        """The rates between its last two reports."""
        return Rates.between(self.reports[-2], self.latest) if len(self.reports) > 1 else Rates()

    def command_rate(self, name: str) -> float:
        """Return the commands of a class per second, over `RATE_SPAN`, with any outcome."""
        return self._rate([sum(report.counts.commands.get(name, ())) for report in self._ends])

    def event_rate(self, name: str) -> float:
        """Return the events of a type per second, over `RATE_SPAN`."""
        return self._rate([report.counts.events.get(name, 0) for report in self._ends])

    def add(self, report: MetricsReport, at: float) -> None:
        """Add a report, unless it is not later than the latest: messages may come twice or out of order."""
        if self.reports and report.uptime < self.latest.uptime + CLOSEST_REPORTS:
            return
        self.reports.append(report)
        self.received_at = at
        while self.latest.uptime - self.reports[0].uptime > RATE_SPAN:
            self.reports.popleft()

    @property
    def _ends(self) -> tuple[MetricsReport, MetricsReport]:
        return self.reports[0], self.latest

    def _rate(self, counts: Sequence[int]) -> float:
        seconds = self.latest.uptime - self.reports[0].uptime
        return max(0, counts[1] - counts[0]) / seconds if seconds > 0 else 0.0


class ReportingServers:
    """The servers that have reported lately, by their ids."""

    def __init__(self) -> None:
        self._servers: dict[str, ReportingServer] = {}

    def accept(self, report: MetricsReport, at: float) -> None:
        """Take a report that was received at this time."""
        self._remove_silent(at)
        if report.id in self._servers or len(self._servers) < MAX_SERVERS:
            self._servers.setdefault(report.id, ReportingServer()).add(report, at)

    def running(self, at: float) -> Sequence[ReportingServer]:
        """Return the servers that have reported within `REPORT_VALIDITY`, by role and name."""
        self._remove_silent(at)
        return sorted(self._servers.values(), key=lambda server: (server.latest.role, server.latest.name))

    def _remove_silent(self, at: float) -> None:
        self._servers = {
            name: server
            for name, server in self._servers.items()
            if at - server.received_at <= REPORT_VALIDITY
        }

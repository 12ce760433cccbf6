"""The metrics of a deployment over the last hour, as one server has received them."""

from __future__ import annotations

from api.recent_metrics.consumer_progress import ConsumerProgress
from api.recent_metrics.metrics_reports import MetricsReport
from api.recent_metrics.reporting_servers import REPORT_VALIDITY, Rates, ReportingServers
from api.recent_metrics.samples import Sample, SampleRing, Series, moment_of, series


class RecentMetrics:
    """Samples of the last hour. Times are in seconds since 1970, and are passed in.

    Rates are sums over the servers that report; the end of the log and the lags of consumers are what workers
    announce. So each server has the figures of the whole deployment, since its own start.
    """

    def __init__(self) -> None:
        self.servers = ReportingServers()
        self.progress = ConsumerProgress(REPORT_VALIDITY)
        self._ring = SampleRing()
        self._echo_at = float("-inf")

    @property
    def since(self) -> int | None:
        """The time of the earliest sample; None if there is none yet."""
        first = self._ring.first
        return None if first is None else first.at

    def echo(self, at: float) -> None:
        """Take that a report of this server came back to it, which shows that Redis is connected."""
        self._echo_at = at

    def accept(self, report: MetricsReport, at: float) -> None:
        """Take a report of any server."""
        self.servers.accept(report, at)

    def is_connected(self, at: float) -> bool:
        """Return whether messages of other servers arrive."""
        return at - self._echo_at <= REPORT_VALIDITY

    def sample(self, at: float) -> None:
        """Add a sample of this moment, unless there is one."""
        moment = moment_of(at)
        last = self._ring.last
        if last is not None and last.at >= moment:
            return
        running = self.servers.running(at)
        counts = [server.latest.counts for server in running]
        connected = self.is_connected(at)
        head = self.progress.head if connected and self.progress.head else None
        self._ring.add(
            Sample(
                at=moment,
                head=head,
                commits=_growth(last, head, moment),
                rates=Rates.total([server.rates for server in running]),
                subscriptions=sum(each.subscriptions for each in counts),
                sockets=sum(each.sockets for each in counts),
                servers=len(running),
                lags=self.progress.lags(at, is_connected=connected),
            )
        )

    def series(self, span: int, at: float) -> Series:
        """Return the metrics of the last `span` seconds."""
        return series(self._ring, span, at)


def _growth(last: Sample | None, head: int | None, moment: int) -> float | None:
    """Return by how many positions the log has grown per second since the last sample."""
    if last is None or last.head is None or head is None:
        return None
    return max(0, head - last.head) / (moment - last.at)

"""The metrics of a process, for Prometheus."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from hmac import compare_digest
from time import perf_counter
from typing import Protocol
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    make_wsgi_app,
    start_http_server,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from pydantic import SecretStr

from api.access.origins import OriginPolicy
from api.encoding import encode
from api.execution_metrics import ExecutionMetrics
from api.process_metrics import ProcessMetrics
from api.recent_metrics.metrics_reports import ServerCounts
from api.recent_metrics.recent_metrics import RecentMetrics
from api.recent_metrics.registry_counts import read_counts
from api.result_cache_metrics import ResultCacheMetrics
from api.size_histogram import SizeHistogram
from domain.dispatch.ports import CommandLog, NewCommit
from domain.kernel import Commit, Receipt
from domain.kernel.errors import ConfigurationError, Forbidden
from subscriptions.consumers.checkpoints import Checkpoint
from subscriptions.consumers.consumer import CommitHandler
from subscriptions.live.ports import LiveStats

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
BYTES = (64, 128, 256, 512, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576)

VIEW_GAUGES = {
    "nerve_view_lag": "Number of positions by which a view lags behind the log.",
    "nerve_view_failures": "Number of consecutive failed attempts to project a view.",
    "nerve_dead_letters": "Number of events that are parked in a view because its fold failed.",
    "nerve_view_held": "Number of generations of a view that are held for a decision.",
}
"""The help texts of the gauges of each view, in the order of `ViewHealth`."""


class Connections(Protocol):
    """The open sockets of a process, or its open streams over HTTP."""

    @property
    def open(self) -> int: ...

    @property
    def operations(self) -> int: ...

    @property
    def outstanding(self) -> int: ...


class Metrics:
    """The metrics of one process.

    The label `stage` is ``append``, or the consumer that handled the events. `live_stats` are the counts of
    live subscriptions, by the source that they follow.
    """

    def __init__(self, live_stats: Mapping[str, LiveStats]) -> None:
        registry = self._registry = CollectorRegistry()
        self._events = self._counter("events", "Events handled.", "stage", "type")
        duration = Histogram(
            "event_processing_duration_seconds",
            "Seconds to decide and store the events of a command, or to handle a batch.",
            ["stage"],
            buckets=SECONDS,
            registry=registry,
        )
        self._duration = cache(duration.labels)
        text = "Size of the data of an event as JSON, in bytes."
        self._sizes = SizeHistogram("event_size_bytes", text, BYTES)
        registry.register(self._sizes)
        self._commands = self._counter("nerve_commands", "Commands by outcome.", "command", "outcome")
        self._cursors = Gauge(
            "nerve_cursors", "Cursors that follow the log or a view live.", ["tail"], registry=registry
        )
        self._views = [Gauge(name, text, ["view"], registry=registry) for name, text in VIEW_GAUGES.items()]
        self._closes = self._counter("nerve_socket_closes", "Closed sockets, by close code.", "code")
        self._refusals = self._counter(
            "nerve_rate_limited", "Operations refused by a limit of callers.", "limit"
        )
        self._live_stats = live_stats
        registry.register(LiveStatsCollector(live_stats))
        self.processes = ProcessMetrics(registry)
        self.result_cache, self.executions = ResultCacheMetrics(registry), ExecutionMetrics(registry)
        self.recent = RecentMetrics()
        self._partitions = Gauge(
            "nerve_partitions_held",
            "Number of partitions of views that this process projects.",
            registry=registry,
        )

    def _counter(self, name: str, text: str, *labels: str) -> Callable[..., Counter]:
        """Register a counter; return the cached function that finds its child for labels.

        Looking up a child takes longer than counting.
        """
        return cache(Counter(name, text, labels, registry=self._registry).labels)

    def counts(self) -> ServerCounts:
        """Return what this process reports to the servers of the deployment."""
        return read_counts(self._registry, self._live_stats.values())

    def command(self, name: str, outcome: str, seconds: float) -> None:
        """Count a handled command; see `domain.dispatch.middleware.CommandMeter`."""
        self._commands(name, outcome).inc()
        self._duration("append").observe(seconds)

    def count_append(self, commit: NewCommit) -> None:
        """Count the stored events of a command."""
        self._sizes.observe([len(encode(new.data)) for new in commit.events])
        self._count_events("append", (new.event.type for new in commit.events))

    def count_batch(self, consumer: str, commits: Sequence[Commit], seconds: float) -> None:
        """Count a batch that a consumer has handled."""
        self._duration(consumer).observe(seconds)
        self._count_events(consumer, (event.type for commit in commits for event in commit.events))

    def _count_events(self, stage: str, types: Iterable[str]) -> None:
        for name, count in collections.Counter(types).items():
            self._events(stage, name).inc(count)

    def measure_handler(self, consumer: str, handler: CommitHandler) -> CommitHandler:
        """Return a handler that measures each batch of the given one."""
        return MeteredHandler(consumer, handler, self)

    def count_partitions(self, count: Callable[[], int]) -> None:
        """Report the result of `count` as the number of partitions that this process projects."""
        self._partitions.set_function(count)

    def count_connections(self, kind: str, connections: Connections) -> None:
        """Report these connections; `kind` is ``socket`` or ``stream``."""
        gauges: dict[str, tuple[str, Callable[[], int]]] = {
            f"nerve_{kind}s": (f"Number of open {kind}s.", lambda: connections.open),
            f"nerve_{kind}_operations": (
                f"Number of operations that run over {kind}s.",
                lambda: connections.operations,
            ),
            f"nerve_{kind}_outstanding_bytes": (
                f"Bytes that wait to be sent to clients of {kind}s.",
                lambda: connections.outstanding,
            ),
        }
        for name, (text, count) in gauges.items():
            Gauge(name, text, registry=self._registry).set_function(count)

    def count_closed_socket(self, code: str) -> None:
        """Count a closed socket."""
        self._closes(code).inc()

    def count_refusal(self, limit: str) -> None:
        """Count a refusal by a limit of callers: "caller", "operations", "refused_work" and others."""
        self._refusals(limit).inc()

    def report_limits(self, are_in_memory: Callable[[], bool]) -> None:
        """Report whether this process counts the operations of callers alone."""
        Gauge(
            "nerve_limits_in_memory",
            "1 while limits of callers are counted by this process alone, because Redis is away.",
            registry=self._registry,
        ).set_function(are_in_memory)

    def serve(
        self, host: str, port: int, policy: OriginPolicy, token: SecretStr | None = None
    ) -> Callable[[], None]:
        """Serve the metrics on their own port, to requests that the policy allows and that send the token.

        Return a function that stops the server. Raises ConfigurationError where the port is taken.
        """
        try:
            server, thread = start_http_server(port, host, self._registry)
        except OSError as error:
            raise ConfigurationError(f"metrics_port {port} on {host}: {error.strerror}") from None
        server.set_app(_guarded(make_wsgi_app(self._registry), policy, token))

        def stop() -> None:
            server.shutdown()
            server.server_close()
            thread.join()

        return stop

    def scrape(self, views: Mapping[str, Sequence[int]], cursors: Mapping[str, int]) -> bytes:
        """Return all metrics in the text format of Prometheus.

        `views` are the current lag, failures, dead letters and held generations of each view, in this order;
        `cursors` the current number of cursors of each tail.
        """
        for tail, count in cursors.items():
            self._cursors.labels(tail).set(count)
        for view, counts in views.items():
            for gauge, count in zip(self._views, counts, strict=True):
                gauge.labels(view).set(count)
        return generate_latest(self._registry)


def _guarded(app: WSGIApplication, policy: OriginPolicy, token: SecretStr | None) -> WSGIApplication:
    """Return the application, restricted to requests that the policy allows and that send the token."""
    authorization = None if token is None else f"Bearer {token.get_secret_value()}".encode()
    plain = ("content-type", "text/plain; charset=utf-8")

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        get = environ.get
        try:
            policy.check(get("HTTP_HOST"), get("HTTP_ORIGIN"), get("HTTP_SEC_FETCH_SITE"))
        except Forbidden as error:
            start_response("403 Forbidden", [plain])
            return [f"{error}\n".encode()]
        sent = get("HTTP_AUTHORIZATION", "").encode()
        if authorization is not None and not compare_digest(sent, authorization):
            start_response("401 Unauthorized", [plain, ("www-authenticate", "Bearer")])
            return [b"send the token of the setting metrics_token\n"]
        return app(environ, start_response)

    return answer


class LiveStatsCollector(Collector):
    """Reports the counts of live subscriptions, by the source that they follow."""

    def __init__(self, live_stats: Mapping[str, LiveStats]) -> None:
        self._live_stats = live_stats

    def collect(self) -> Iterator[Metric]:
        gauges = {
            "subscriptions": "Number of subscriptions that share an execution.",
            "groups": "Number of topics: sets of subscriptions that share one execution.",
        }
        counters = {
            "executions": "Results that were executed for topics.",
            "deliveries": "Results that were delivered to subscriptions.",
            "lagged": "Subscriptions that fell too far behind and must resume.",
        }
        families: list[tuple[str, GaugeMetricFamily | CounterMetricFamily]] = [
            *(
                (name, GaugeMetricFamily(f"nerve_live_{name}", text, labels=["source"]))
                for name, text in gauges.items()
            ),
            *(
                (name, CounterMetricFamily(f"nerve_live_{name}", text, labels=["source"]))
                for name, text in counters.items()
            ),
        ]
        for name, family in families:
            for source, stats in self._live_stats.items():
                family.add_metric([source], getattr(stats, name))
            yield family


class MeteredLog:
    """The log as the bus uses it; counts each append."""

    def __init__(self, log: CommandLog, metrics: Metrics) -> None:
        self._log = log
        self._metrics = metrics
        self.stored_command = log.stored_command
        self.position_of = log.position_of

    async def append(self, commit: NewCommit) -> Receipt:
        receipt = await self._log.append(commit)
        if receipt.changed and not receipt.replayed:
            self._metrics.count_append(commit)
        return receipt


class MeteredHandler:
    """A consumer's handler; measures each batch."""

    def __init__(self, consumer: str, handler: CommitHandler, metrics: Metrics) -> None:
        self._consumer = consumer
        self._handler = handler
        self._metrics = metrics

    async def begin(self, checkpoint: Checkpoint) -> None:
        await self._handler.begin(checkpoint)

    async def handle(self, commits: Sequence[Commit]) -> bool:
        started = perf_counter()
        worked = await self._handler.handle(commits)
        self._metrics.count_batch(self._consumer, commits, perf_counter() - started)
        return worked

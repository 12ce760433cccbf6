"""What a process measures of itself, for Prometheus."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

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

from api.access.origins import OriginPolicy
from api.encoding import encode
from domain.dispatch.ports import CommandLog, NewCommit
from domain.kernel import Commit, Receipt
from domain.kernel.errors import ConfigurationError, Forbidden
from subscriptions.consumers.checkpoints import Checkpoint
from subscriptions.consumers.consumer import CommitHandler
from subscriptions.live.ports import LiveStats

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
BYTES = (64, 128, 256, 512, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576)


class Connections(Protocol):
    """The sockets of a process, or its streams over HTTP, as they are counted."""

    @property
    def open(self) -> int: ...

    @property
    def operations(self) -> int: ...

    @property
    def outstanding(self) -> int: ...


class Metrics:
    """The meters of one process. `stage` is ``append``, or the consumer that handled the events."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        # To find the child of some labels takes longer than to count.
        self._events = cache(
            Counter("events", "Events handled.", ["stage", "type"], registry=registry).labels
        )
        duration = Histogram(
            "event_processing_duration_seconds",
            "Time to decide and store a command's events, or to handle a batch.",
            ["stage"],
            buckets=SECONDS,
            registry=registry,
        )
        self._duration = cache(duration.labels)
        self._size = Histogram(
            "event_size_bytes", "Size of an event's data as JSON.", buckets=BYTES, registry=registry
        )
        commands = Counter(
            "nerve_commands", "Commands by outcome.", ["command", "outcome"], registry=registry
        )
        self._commands = cache(commands.labels)
        self._cursors = Gauge(
            "nerve_cursors", "Live cursors, such as those of subscriptions.", ["tail"], registry=registry
        )
        gauges = {
            "nerve_view_lag": "Positions that a view lags behind.",
            "nerve_view_failures": "Tries in a row of a view's worker that failed.",
            "nerve_dead_letters": "Events that wait in a view because it could not fold them.",
            "nerve_view_held": "Generations of a view that wait for `nerve views switch` or a correction.",
        }
        self._views = [Gauge(name, text, ["view"], registry=registry) for name, text in gauges.items()]
        closes = Counter("nerve_socket_closes", "Sockets gone, by close code.", ["code"], registry=registry)
        self._closes = cache(closes.labels)
        self._hubs: dict[str, LiveStats] = {}
        registry.register(LiveStatsCollector(self._hubs))
        self._held = Gauge(
            "nerve_partitions_held", "Partitions of views that this process works on.", registry=registry
        )

    def command(self, name: str, outcome: str, seconds: float) -> None:
        """A command was handled; see `domain.dispatch.middleware.Meter`."""
        self._commands(name, outcome).inc()
        self._duration("append").observe(seconds)

    def appended(self, commit: NewCommit) -> None:
        """The events of a command were stored."""
        for new in commit.events:
            self._events("append", new.event.type).inc()
            self._size.observe(len(encode(new.data)))

    def handled(self, consumer: str, commits: Sequence[Commit], seconds: float) -> None:
        """A consumer is done with a batch."""
        self._duration(consumer).observe(seconds)
        types = collections.Counter(event.type for commit in commits for event in commit.events)
        for name, count in types.items():
            self._events(consumer, name).inc(count)

    def around(self, consumer: str, handler: CommitHandler) -> CommitHandler:
        """The handler with each of its batches measured."""
        return MeteredHandler(consumer, handler, self)

    def holding(self, held: Callable[[], int]) -> None:
        """From now on `held` tells how many partitions of views this process works on."""
        self._held.set_function(held)

    def watch(self, kind: str, connections: Connections) -> None:
        """From now on these are the connections of this kind: ``socket`` or ``stream``."""
        gauges: dict[str, tuple[str, Callable[[], int]]] = {
            f"nerve_{kind}s": (f"Open {kind}s.", lambda: connections.open),
            f"nerve_{kind}_operations": (f"Operations over {kind}s.", lambda: connections.operations),
            f"nerve_{kind}_outstanding_bytes": (
                f"Bytes that clients of {kind}s are to take.",
                lambda: connections.outstanding,
            ),
        }
        for name, (text, figure) in gauges.items():
            Gauge(name, text, registry=self._registry).set_function(figure)

    def watch_hub(self, source: str, stats: LiveStats) -> None:
        """From now on this is what the hub of the subscriptions of a source counts."""
        self._hubs[source] = stats

    def socket_closed(self, code: str) -> None:
        """A socket is gone."""
        self._closes(code).inc()

    def serve(self, host: str, port: int, policy: OriginPolicy) -> Callable[[], None]:
        """Serve the metrics on a port of their own, to what the policy lets in; call the result to stop.

        Raises ConfigurationError where the port is taken.
        """
        try:
            server, thread = start_http_server(port, host, self._registry)
        except OSError as error:
            raise ConfigurationError(f"metrics_port {port} on {host}: {error.strerror}") from None
        server.set_app(_guarded(make_wsgi_app(self._registry), policy))

        def stop() -> None:
            server.shutdown()
            server.server_close()
            thread.join()

        return stop

    def scrape(self, views: Mapping[str, Sequence[int]], cursors: Mapping[str, int]) -> bytes:
        """Everything in Prometheus' text format, with what is so now.

        That is the lag of each view, its failures, its dead letters and its held generations, and the cursors
        by tail.
        """
        for tail, count in cursors.items():
            self._cursors.labels(tail).set(count)
        for view, figures in views.items():
            for gauge, figure in zip(self._views, figures, strict=True):
                gauge.labels(view).set(figure)
        return generate_latest(self._registry)


def _guarded(app: WSGIApplication, policy: OriginPolicy) -> WSGIApplication:
    """The application, for requests that are not a web page's of another origin."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        get = environ.get
        try:
            policy.check(get("HTTP_HOST"), get("HTTP_ORIGIN"), get("HTTP_SEC_FETCH_SITE"))
        except Forbidden as error:
            start_response("403 Forbidden", [("content-type", "text/plain; charset=utf-8")])
            return [f"{error}\n".encode()]
        return app(environ, start_response)

    return answer


class LiveStatsCollector(Collector):
    """What the hubs of a process have counted, by what their subscriptions follow."""

    def __init__(self, hubs: Mapping[str, LiveStats]) -> None:
        self._hubs = hubs

    def collect(self) -> Iterator[Metric]:
        gauges = {
            "subscriptions": "Subscriptions that share what they are told.",
            "groups": "Groups of subscriptions that ask for the same.",
        }
        counters = {
            "executions": "Results that were made for subscriptions.",
            "deliveries": "Results that were handed to subscriptions.",
            "lagged": "Subscriptions that fell too far behind.",
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
            for source, stats in self._hubs.items():
                family.add_metric([source], getattr(stats, name))
            yield family


class MeteredLog:
    """The log as the bus uses it, with each append measured."""

    def __init__(self, log: CommandLog, metrics: Metrics) -> None:
        self._log = log
        self._metrics = metrics
        self.stored_command = log.stored_command
        self.position_of = log.position_of

    async def append(self, commit: NewCommit) -> Receipt:
        receipt = await self._log.append(commit)
        if receipt.changed and not receipt.replayed:
            self._metrics.appended(commit)
        return receipt


class MeteredHandler:
    """A consumer's handler, with each batch measured."""

    def __init__(self, consumer: str, handler: CommitHandler, metrics: Metrics) -> None:
        self._consumer = consumer
        self._handler = handler
        self._metrics = metrics

    async def begin(self, checkpoint: Checkpoint) -> None:
        await self._handler.begin(checkpoint)

    async def handle(self, commits: Sequence[Commit]) -> bool:
        started = perf_counter()
        worked = await self._handler.handle(commits)
        self._metrics.handled(self._consumer, commits, perf_counter() - started)
        return worked

"""The metrics of the runtime of processes, for Prometheus."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3600)


class ProcessMetrics:
    """Counts what processes do; see `subscriptions.processes.ports.ProcessMeter`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.open_circuits: set[str] = set()
        """The outside ports that this process leaves alone at present."""
        steps = Counter(
            "nerve_process_steps", "Reactions of processes that were stored.", ["process"], registry=registry
        )
        effects = Histogram(
            "nerve_process_effect_seconds",
            "Seconds from the request of an effect, or a worker's start, to its outcome.",
            ["process", "kind", "outcome"],
            buckets=SECONDS,
            registry=registry,
        )
        # Looking up a child takes longer than counting.
        self._steps, self._effects = cache(steps.labels), cache(effects.labels)
        self._retries = Counter(
            "nerve_process_retries",
            "Attempts at effects without a definite outcome, which are tried again.",
            ["process", "kind"],
            registry=registry,
        )
        self._circuits = Gauge(
            "nerve_port_circuit_open",
            "1 while an outside port is not called because it failed several times in a row, else 0.",
            ["port"],
            registry=registry,
        )

        self._instances = Gauge(
            "nerve_process_instances",
            "Number of instances of a process that have not ended, by state.",
            ["process", "status"],
            registry=registry,
        )

    def show_instances(self, counts: Mapping[tuple[str, ...], int]) -> None:
        """Report these numbers of instances, by process and state."""
        for labels, count in counts.items():
            self._instances.labels(*labels).set(count)

    def step(self, process: str) -> None:
        """Count a stored reaction."""
        self._steps(process).inc()

    def effect(self, process: str, kind: str, outcome: str, seconds: float) -> None:
        """Record the outcome of an effect and its time."""
        self._effects(process, kind, outcome).observe(seconds)

    def retry(self, process: str, kind: str) -> None:
        """Count an attempt that is repeated."""
        self._retries.labels(process, kind).inc()

    def circuit(self, port: str, is_open: bool) -> None:
        """Record the state of a port's circuit."""
        self._circuits.labels(port).set(is_open)
        if is_open:
            self.open_circuits.add(port)
        else:
            self.open_circuits.discard(port)

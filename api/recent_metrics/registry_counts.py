"""Reads the counts that a server reports from the registry of its metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from prometheus_client import CollectorRegistry

from api.recent_metrics.metrics_reports import CommandCounts, ServerCounts
from domain.kernel.errors import NerveError, Unavailable
from subscriptions.live.ports import LiveStats

ACCEPTED = ("stored", "replayed")
"""The outcomes of commands that are accepted."""

FAILED = (NerveError.code, Unavailable.code)
"""The outcomes of commands that failed; all others are refusals."""

COMMANDS = "nerve_commands_total"
EVENTS = "events_total"
NUMBERS = {"sockets": "nerve_sockets", "partitions": "nerve_partitions_held"}
"""The gauges that are reported, where the server has them."""


def read_counts(registry: CollectorRegistry, live_stats: Iterable[LiveStats]) -> ServerCounts:
    """Return the present counts. Only the metrics that are reported are collected."""
    outcomes: dict[str, Counter[str]] = {}
    events: Counter[str] = Counter()
    numbers: dict[str, int] = {}
    restricted = registry.restricted_registry([COMMANDS, EVENTS, *NUMBERS.values()])
    for sample in (sample for metric in restricted.collect() for sample in metric.samples):
        value, labels = int(sample.value), sample.labels
        if sample.name == COMMANDS:
            outcomes.setdefault(labels["command"], Counter())[_outcome(labels["outcome"])] += value
        elif sample.name != EVENTS:
            numbers[sample.name] = value
        elif labels["stage"] == "append":
            events[labels["type"]] += value
    stats = list(live_stats)
    return ServerCounts(
        commands={
            name: CommandCounts(counts["accepted"], counts["refused"], counts["failed"])
            for name, counts in outcomes.items()
        },
        events=dict(events),
        deliveries=sum(each.deliveries for each in stats),
        subscriptions=sum(each.subscriptions for each in stats),
        **{field: numbers.get(metric, 0) for field, metric in NUMBERS.items()},
    )


def _outcome(code: str) -> str:
    if code in ACCEPTED:
        return "accepted"
    return "failed" if code in FAILED else "refused"

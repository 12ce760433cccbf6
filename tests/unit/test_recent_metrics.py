"""Metrics of the last hour: rates of servers, lags of consumers, samples and series, at times passed in."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from api.consumer_kinds import ConsumerKind, consumer_title
from api.metrics import Metrics
from api.recent_metrics.consumer_progress import MAX_CONSUMERS, REMOVED_AFTER, WEBHOOKS, ConsumerProgress
from api.recent_metrics.metrics_reports import (
    MAX_REPORT,
    CommandCounts,
    MetricsReport,
    ServerCounts,
    ServerRole,
)
from api.recent_metrics.recent_metrics import RecentMetrics
from api.recent_metrics.registry_counts import read_counts
from api.recent_metrics.reporting_servers import (
    CLOSEST_REPORTS,
    MAX_REPORTS,
    MAX_SERVERS,
    REPORT_VALIDITY,
    Rates,
    ReportingServers,
)
from api.recent_metrics.samples import LONGEST_SPAN, MAX_POINTS, SAMPLE_INTERVAL, Sample, SampleRing, series
from subscriptions.live.ports import LiveStats

NOON = 1_800_000_000.0


def report(server: str = "one", uptime: float = 0.0, **counts: Any) -> MetricsReport:
    return MetricsReport(
        id=server,
        name=f"machine:{server}",
        role=ServerRole.API,
        started_at=NOON,
        uptime=uptime,
        counts=ServerCounts(**counts),
    )


def rates_of(servers: ReportingServers, at: float) -> Rates:
    return Rates.total([server.rates for server in servers.running(at)])


def test_the_rates_of_servers_are_those_between_their_last_two_reports() -> None:
    """The time between them is the server's own, so a message that was late changes nothing."""
    servers = ReportingServers()
    for uptime, stored in ((0.0, 0), (5.0, 10), (10.0, 40)):
        commands = {"WriteMemo": CommandCounts(stored, 5, 0)}
        servers.accept(report("one", uptime, commands=commands, deliveries=stored), NOON + uptime)
        servers.accept(report("two", uptime, events={"memo.written": stored}), NOON + 1.5 * uptime)
    assert rates_of(servers, NOON + 15) == Rates(accepted=6, events=6, deliveries=6)


def test_reports_that_come_twice_or_late_are_ignored() -> None:
    servers = ReportingServers()
    for uptime in (5.0, 10.0, 10.0, 5.0):
        servers.accept(report(uptime=uptime, deliveries=int(uptime)), NOON)
    assert rates_of(servers, NOON) == Rates(deliveries=1)


def test_a_server_that_is_silent_does_not_count_any_more() -> None:
    servers = ReportingServers()
    servers.accept(report("one"), NOON)
    servers.accept(report("two"), NOON + 10)
    at = NOON + REPORT_VALIDITY
    assert [server.latest.id for server in servers.running(at)] == ["one", "two"]
    assert [server.latest.id for server in servers.running(at + 1)] == ["two"]


def test_single_commands_and_events_have_rates_over_the_last_minute() -> None:
    servers = ReportingServers()
    for uptime in range(0, 125, 5):
        commands = {"WriteMemo": CommandCounts(uptime, uptime)}
        latest = report(uptime=float(uptime), commands=commands, events={"memo.written": uptime})
        servers.accept(latest, NOON + uptime)
    (server,) = servers.running(NOON + 120)
    assert (server.command_rate("WriteMemo"), server.event_rate("memo.written")) == (2, 1)
    assert server.event_rate("memo.sealed") == 0
    assert len(server.reports) == 13


def test_the_memory_for_servers_and_consumers_is_bounded() -> None:
    servers, progress = ReportingServers(), ConsumerProgress(REPORT_VALIDITY)
    for number in range(2 * MAX_CONSUMERS):
        servers.accept(report(f"{number}"), NOON)
        progress.beat(f"view.{number}", 0, NOON)
    assert len(servers.running(NOON)) == MAX_SERVERS
    assert len(progress.lags(NOON, is_connected=True)) == MAX_CONSUMERS


@pytest.mark.parametrize("pause", [CLOSEST_REPORTS / 100, CLOSEST_REPORTS])
def test_the_memory_for_the_reports_of_a_server_is_bounded(pause: float) -> None:
    """However close together they are: anybody may write to the channel."""
    servers = ReportingServers()
    for number in range(10 * MAX_REPORTS):
        servers.accept(report(uptime=number * pause), NOON)
    (server,) = servers.running(NOON)
    assert len(server.reports) <= MAX_REPORTS
    assert server.latest.uptime - server.reports[-2].uptime >= CLOSEST_REPORTS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "{}",
        report().to_text().replace('"uptime":0.0', '"uptime":-1'),
        report().to_text().replace('"uptime":0.0', '"uptime":NaN'),
        report(deliveries=1).to_text().replace('"deliveries":1', '"deliveries":-1'),
        report().to_text() + " " * MAX_REPORT,
    ],
    ids=["empty", "null", "nothing in it", "negative time", "no number", "negative count", "too long"],
)
def test_a_text_that_is_no_report_is_ignored(text: str) -> None:
    """Anybody may write to the channel of wake-ups."""
    assert MetricsReport.from_text(text) is None


def test_a_report_survives_its_text() -> None:
    sent = report("one", 5.0, commands={"WriteMemo": CommandCounts(1, 2, 3)}, events={"memo.written": 4})
    assert MetricsReport.from_text(sent.to_text()) == sent


def test_a_consumer_lags_behind_the_head_at_the_time_of_its_beat() -> None:
    progress = ConsumerProgress(REPORT_VALIDITY)
    progress.reach(100)
    progress.beat("view.memos", 90, NOON)
    progress.beat("consumers", 1, NOON)
    progress.reach(150)
    assert progress.lags(NOON + 1, is_connected=True) == {"view.memos": 10}


def test_a_consumer_without_a_worker_stays_where_it_was() -> None:
    """Its lag grows with the log. Without Redis nothing is known of it."""
    progress = ConsumerProgress(REPORT_VALIDITY)
    progress.reach(100)
    progress.beat("view.memos", 90, NOON)
    progress.reach(150)
    later = NOON + REPORT_VALIDITY + 1
    assert progress.lags(later, is_connected=True) == {"view.memos": 60}
    assert progress.lags(later, is_connected=False) == {}


def test_a_consumer_that_is_removed_has_no_lag_after_a_time() -> None:
    """If others go on. If all are silent, no worker runs, and their lags count."""
    progress = ConsumerProgress(REPORT_VALIDITY)
    progress.reach(100)
    progress.beat("view.removed", 40, NOON)
    progress.beat("view.memos", 90, NOON)
    later = NOON + REMOVED_AFTER + 1
    assert progress.lags(later, is_connected=True) == {"view.removed": 60, "view.memos": 10}
    progress.beat("view.memos", 100, later)
    assert progress.lags(later, is_connected=True) == {"view.memos": 0}


def test_of_webhooks_the_one_that_is_most_behind_counts() -> None:
    """One that is silent was paused or deleted."""
    progress = ConsumerProgress(REPORT_VALIDITY)
    progress.reach(100)
    progress.beat("webhook.red/1.0", 40, NOON)
    progress.beat("webhook.red/2.0", 90, NOON + REPORT_VALIDITY)
    assert progress.lags(NOON, is_connected=True) == {WEBHOOKS: 60}
    assert progress.lags(NOON + REPORT_VALIDITY + 1, is_connected=True) == {WEBHOOKS: 10}


def sample(at: float, head: int | None = 0, lag: int = 0, **rates: float) -> Sample:
    return Sample(int(at), head, None, Rates(**rates), 1, 2, 3, {"view.memos": lag})


def test_a_series_has_means_of_rates_and_the_highest_lag_of_each_step() -> None:
    ring = SampleRing()
    for number in range(LONGEST_SPAN // SAMPLE_INTERVAL):
        at = NOON + SAMPLE_INTERVAL * (number + 1)
        ring.add(sample(at, head=number, lag=number % 6, events=number % 6))
    hour = series(ring, LONGEST_SPAN, NOON + LONGEST_SPAN + 3)
    assert (hour.step, len(hour.times)) == (30, MAX_POINTS)
    assert (hour.times[0], hour.times[-1]) == (NOON + 30, NOON + LONGEST_SPAN)
    assert hour.values["events"] == [2.5] * MAX_POINTS
    assert hour.lags == {"view.memos": [5] * MAX_POINTS}
    assert hour.values["head"][:2] == [5, 11]


def test_a_step_without_samples_has_no_values() -> None:
    ring = SampleRing()
    for at in (NOON, NOON + 10):
        ring.add(sample(at, head=None))
    minute = series(ring, 60, NOON + 12)
    assert minute.times[-3:] == range(int(NOON), int(NOON) + 15, 5)
    assert minute.values["sockets"][-4:] == [None, 2, None, 2]
    assert set(minute.values["head"]) == {None}


def test_the_ring_keeps_an_hour() -> None:
    ring = SampleRing()
    for number in range(2 * LONGEST_SPAN // SAMPLE_INTERVAL):
        ring.add(sample(NOON + SAMPLE_INTERVAL * number))
    assert ring.first is not None
    assert ring.last is not None
    assert ring.last.at - ring.first.at == LONGEST_SPAN - SAMPLE_INTERVAL


def test_samples_have_the_growth_of_the_log_and_the_sums_over_servers() -> None:
    recent = RecentMetrics()
    for number, head in enumerate((1_000, 1_050, 1_050)):
        at = NOON + SAMPLE_INTERVAL * number
        recent.echo(at)
        recent.progress.reach(head)
        for server in ("one", "two"):
            recent.accept(report(server, 5.0 * number, events={"memo.written": 10 * number}), at)
        recent.sample(at + 0.2)
        recent.sample(at + 0.4)
    minute = recent.series(60, NOON + 10.5)
    assert minute.values["commits"][-3:] == [None, 10, 0]
    assert minute.values["events"][-3:] == [0, 4, 4]
    assert minute.values["servers"][-1] == 2
    assert recent.since == NOON


def test_without_redis_the_end_of_the_log_is_unknown() -> None:
    recent = RecentMetrics()
    recent.progress.reach(10)
    recent.sample(NOON)
    recent.echo(NOON)
    recent.sample(NOON + SAMPLE_INTERVAL)
    recent.sample(NOON + REPORT_VALIDITY + SAMPLE_INTERVAL)
    assert recent.series(60, NOON + 20).values["head"][-5:] == [None, 10, None, None, None]


def test_a_server_reports_what_its_metrics_count() -> None:
    stats = LiveStats(subscriptions=2, deliveries=7)
    metrics = Metrics({"log": stats, "memos": stats})
    for outcome in ("stored", "replayed", "NOT_FOUND", "INTERNAL", "UNAVAILABLE"):
        metrics.command("WriteMemo", outcome, 0.1)
    metrics.count_partitions(lambda: 3)
    counts = metrics.counts()
    assert counts.commands == {"WriteMemo": CommandCounts(accepted=2, refused=1, failed=2)}
    assert (counts.deliveries, counts.subscriptions) == (14, 4)
    assert (counts.partitions, counts.sockets) == (3, 0)
    assert counts.command_total == CommandCounts(2, 1, 2)
    assert read_counts(CollectorRegistry(), ()) == ServerCounts()


@pytest.mark.parametrize(
    ("consumer", "kind", "name"),
    [
        ("view.task_days", ConsumerKind.VIEW, "taskDays"),
        ("process.fulfilment", ConsumerKind.PROCESS, "fulfilment"),
        ("policy.raise_alert", ConsumerKind.POLICY, "raise_alert"),
        ("redis.billing", ConsumerKind.STREAM, "billing"),
        ("webhook.red/webhook-1.2", ConsumerKind.WEBHOOK, "red/webhook-1"),
    ],
)
def test_consumers_go_by_the_names_that_clients_know(consumer: str, kind: ConsumerKind, name: str) -> None:
    assert consumer_title(consumer) == (kind, name)

"""The query `recentMetrics`: rates, numbers and lags of the deployment over the last hour at most.

It is for callers that may read metrics: the figures count for all tenants.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from api.access.policy import may_read_metrics
from api.consumer_kinds import ConsumerKind, consumer_title
from api.graphql.declare import argument, declare, list_of, output_field, output_fields
from api.graphql.execution.request_context import Info
from api.graphql.strawberry_internals import Field
from api.graphql.type_map import TypeMap
from api.limits.weights import STATUS
from api.recent_metrics.consumer_progress import WEBHOOKS
from api.recent_metrics.metrics_reports import CommandCounts, ServerRole
from api.recent_metrics.reporting_servers import ReportingServer
from api.recent_metrics.samples import LONGEST_SPAN, SHORTEST_SPAN, Values
from domain.kernel.access import DEPLOYMENT, METRICS
from domain.kernel.errors import Forbidden, ValidationFailed
from eventstore.server_names import server_name

DEFAULT_SPAN = 300

_SERIES = {
    "head": "The end of the log: the number of its positions. Null while it is unknown, as without Redis.",
    "commits": "Commits per second that any process added to the log.",
    "accepted": "Commands per second that were accepted.",
    "refused": "Commands per second that were refused, such as by a rule.",
    "failed": "Commands per second that failed, by an internal error or a server that did not answer.",
    "events": "Events per second that were stored.",
    "deliveries": "Results per second that were delivered to subscriptions.",
    "subscriptions": "Open subscriptions.",
    "sockets": "Open sockets.",
    "servers": "Servers that reported.",
}
_SERVER = {
    "name": (str, "Its host and process id."),
    "started_at": (datetime, "When it started."),
    "reported_at": (datetime, "When its last report arrived."),
    "commands_per_second": (float, "Commands that it handled per second, between its last two reports."),
    "events_per_second": (float, "Events that it stored per second."),
    "deliveries_per_second": (float, "Results that it delivered per second."),
    "subscriptions": (int, "Its open subscriptions."),
    "sockets": (int, "Its open sockets."),
    "partitions": (int, "The partitions of views that it projects."),
}
_COMMAND = {
    "name": (str, "The class of the commands."),
    "accepted": (float, "How many were accepted."),
    "refused": (float, "How many were refused."),
    "failed": (float, "How many failed."),
    "per_second": (float, "Commands per second over the last minute, with any outcome."),
}
_EVENT = {
    "type": (str, "The type of the events."),
    "stored": (float, "How many were stored."),
    "per_second": (float, "Events per second over the last minute."),
}


def recent_metrics_field(types: TypeMap) -> Field:
    """Return ``recentMetrics``."""
    span = argument(
        "span",
        int,
        f"The span in seconds, from {SHORTEST_SPAN} to {LONGEST_SPAN}, up to now.",
        default=DEFAULT_SPAN,
    )
    return output_field(
        "recent_metrics",
        _declare_metrics(types),
        "The metrics of the deployment over the last minutes, for callers with the role metrics or "
        "deployment.",
        resolver=_resolve,
        arguments=[span],
        weight=STATUS,
    )


def _declare_metrics(types: TypeMap) -> Any:
    values = list_of(float | None)
    series = [output_field(name, values, text) for name, text in _SERIES.items()]
    fields = [
        output_field(
            "server",
            str,
            "The server that took these samples. Each API process takes its own, from its start on.",
        ),
        output_field("since", datetime | None, "The time of its first sample; null if it has none yet."),
        output_field("connected", bool, "Whether reports and beats arrive over Redis at present."),
        output_field("step", int, "The length of a step in seconds."),
        output_field("times", list_of(datetime), "The ends of the steps. All series have a value for each."),
        *series,
        output_field("lags", list_of(_declare_lag(types, values)), "The lags of consumers, by their names."),
        output_field("running_servers", list_of(_declare_server(types)), "The servers that reported lately."),
        output_field(
            "command_counts",
            list_of(declare("CommandCount", output_fields(_COMMAND), "The commands of one class.")),
            "Commands by class, counted by the servers that report, each since its start.",
        ),
        output_field(
            "event_counts",
            list_of(declare("EventCount", output_fields(_EVENT), "The events of one type.")),
            "Events by type, counted by the servers that report, each since its start.",
        ),
    ]
    text = (
        "The metrics of the deployment over a span, from memory. Rates are means over a step and sums over "
        "the servers that report; of other numbers the last one of a step counts, and of lags the highest. A "
        "step without samples has null."
    )
    return declare("RecentMetrics", fields, text)


def _declare_lag(types: TypeMap, values: Any) -> Any:
    fields = [
        output_field("kind", types.of(ConsumerKind, "kind", "ConsumerKind"), "What the consumer does."),
        output_field(
            "name", str, "Its name: of a view, the name of its list. All webhooks together are one consumer."
        ),
        output_field("values", values, "Its lag in positions, the highest of each step."),
    ]
    return declare("ConsumerLag", fields, "How far a consumer was behind the log.")


def _declare_server(types: TypeMap) -> Any:
    role = output_field("role", types.of(ServerRole, "role", "ServerRole"), "What it does.")
    fields = [role, *output_fields(_SERVER)]
    return declare("RunningServer", fields, "A process of nerve that serves the API or is a worker.")


def _resolve(_root: object, info: Info, *, span: int | None = None) -> dict[str, Any]:
    context = info.context
    if not may_read_metrics(context.caller):
        raise Forbidden(f"metrics need the role {METRICS!r} or {DEPLOYMENT!r}, as they count for all tenants")
    seconds = DEFAULT_SPAN if span is None else span
    if not SHORTEST_SPAN <= seconds <= LONGEST_SPAN:
        raise ValidationFailed(f"span must be from {SHORTEST_SPAN} to {LONGEST_SPAN} seconds", ("span",))
    recent, at = context.runtime.metrics.recent, time.time()
    series = recent.series(seconds, at)
    running = recent.servers.running(at)
    return {
        "server": server_name(),
        "since": None if recent.since is None else _moment(recent.since),
        "connected": recent.is_connected(at),
        "step": series.step,
        "times": [_moment(each) for each in series.times],
        **series.values,
        "lags": list(_lags(series.lags)),
        "running_servers": [_server(server) for server in running],
        "command_counts": list(_command_counts(running)),
        "event_counts": list(_event_counts(running)),
    }


def _lags(lags: Mapping[str, Values]) -> Iterator[dict[str, Any]]:
    for consumer, values in lags.items():
        is_webhooks = consumer == WEBHOOKS
        kind, name = (ConsumerKind.WEBHOOK, WEBHOOKS) if is_webhooks else consumer_title(consumer)
        yield {"kind": kind.value, "name": name, "values": values}


def _server(server: ReportingServer) -> dict[str, Any]:
    report, rates = server.latest, server.rates
    return {
        "role": report.role.value,
        "name": report.name,
        "started_at": _moment(report.started_at),
        "reported_at": _moment(server.received_at),
        "commands_per_second": rates.accepted + rates.refused + rates.failed,
        "events_per_second": rates.events,
        "deliveries_per_second": rates.deliveries,
        "subscriptions": report.counts.subscriptions,
        "sockets": report.counts.sockets,
        "partitions": report.counts.partitions,
    }


def _command_counts(running: Sequence[ReportingServer]) -> Iterator[dict[str, Any]]:
    for name in sorted({name for server in running for name in server.latest.counts.commands}):
        counts = [server.latest.counts.commands.get(name, CommandCounts()) for server in running]
        total = CommandCounts(*(sum(each) for each in zip(*counts, strict=True)))
        yield {
            "name": name,
            **total._asdict(),
            "per_second": sum(each.command_rate(name) for each in running),
        }


def _event_counts(running: Sequence[ReportingServer]) -> Iterator[dict[str, Any]]:
    for name in sorted({name for server in running for name in server.latest.counts.events}):
        stored = sum(server.latest.counts.events.get(name, 0) for server in running)
        yield {"type": name, "stored": stored, "per_second": sum(each.event_rate(name) for each in running)}


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)

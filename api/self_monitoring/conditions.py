"""The conditions of a deployment that need attention, found in what was observed. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pydantic import JsonValue

from api.worker_reports import WorkerReport
from domain.kernel.names import client_name
from domain.kernel.severity import Severity
from projections.querying.deployment_rows import TenantRows

KEY_PREFIX = "nerve:"
"""Begins the keys of all alerts that nerve raises about itself, and of no others."""


class AlertName(NamedTuple):
    """An alert: its tenant, and its key there."""

    tenant: str
    key: str


class WatchedCondition(NamedTuple):
    """Something that needs attention, as an alert has it."""

    name: AlertName
    severity: Severity
    message: str
    details: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Observations:
    """The state of a deployment.

    `lags` are positions by view, `dead_letters` numbers by tenant and view, `stuck` the stuck instances by
    tenant and process, and `old_keys` the API keys that should be rotated, by tenant.
    """

    lags: Mapping[str, int] = field(default_factory=dict)
    dead_letters: Mapping[tuple[str, str], int] = field(default_factory=dict)
    stuck: Sequence[TenantRows] = ()
    old_keys: Mapping[str, Sequence[str]] = field(default_factory=dict)
    reports: Sequence[WorkerReport] = ()


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When a lag is a condition, in positions, and the `tenant` of conditions of the whole deployment."""

    max_lag: int
    tenant: str


def conditions(
    observed: Observations, open_alerts: Collection[AlertName], thresholds: Thresholds
) -> list[WatchedCondition]:
    """Return all conditions that hold. A lag for which an alert is open holds until it is half of the limit.

    So a lag that swings around the limit raises one alert.
    """
    return [
        *_lags(observed.lags, open_alerts, thresholds),
        *_dead_letters(observed.dead_letters),
        *_stuck(observed.stuck),
        *_old_keys(observed.old_keys),
        *_reported(observed.reports, thresholds.tenant),
    ]


def _lags(
    lags: Mapping[str, int], open_alerts: Collection[AlertName], thresholds: Thresholds
) -> Iterator[WatchedCondition]:
    for view, lag in lags.items():
        name = _name(thresholds.tenant, "lag", view)
        if lag > (thresholds.max_lag // 2 if name in open_alerts else thresholds.max_lag):
            message = f"the view {client_name(view)} is {lag:,} positions behind; start more workers"
            yield WatchedCondition(name, Severity.WARNING, message, {"view": client_name(view), "lag": lag})


def _dead_letters(counts: Mapping[tuple[str, str], int]) -> Iterator[WatchedCondition]:
    for (tenant, view), count in counts.items():
        message = (
            f"events that the view {client_name(view)} could not fold: {count:,}; "
            "`nerve dead-letters list` shows them, to be retried or dropped"
        )
        details: Mapping[str, JsonValue] = {"view": client_name(view), "deadLetters": count}
        yield WatchedCondition(_name(tenant, "dead-letters", view), Severity.ERROR, message, details)


def _stuck(groups: Sequence[TenantRows]) -> Iterator[WatchedCondition]:
    for tenant, process, count, example in groups:
        message = (
            f"stuck instances of the process {process}: {count:,}, such as {example}; "
            "correct the cause, then retry, resume or cancel them"
        )
        details: Mapping[str, JsonValue] = {"process": process, "stuck": count, "example": example}
        yield WatchedCondition(_name(tenant, "stuck", process), Severity.ERROR, message, details)


def _old_keys(old: Mapping[str, Sequence[str]]) -> Iterator[WatchedCondition]:
    for tenant, keys in old.items():
        message = f"API keys older than a year: {len(keys):,}, such as {keys[0]}; rotate them"
        details: Mapping[str, JsonValue] = {"keys": len(keys), "example": keys[0]}
        yield WatchedCondition(_name(tenant, "api-keys"), Severity.WARNING, message, details)


def _reported(reports: Sequence[WorkerReport], tenant: str) -> Iterator[WatchedCondition]:
    for port in sorted({port for report in reports for port in report.open_circuits}):
        message = f"the outside port {port} failed several times in a row; calls wait until it answers again"
        yield WatchedCondition(_name(tenant, "circuit", port), Severity.ERROR, message, {"port": port})
    failures = [report.archive_failure for report in reports if report.archive_failure is not None]
    if failures:
        message = f"old commits are not archived: {failures[0]}"
        yield WatchedCondition(_name(tenant, "archive"), Severity.ERROR, message, {"error": failures[0]})


def _name(tenant: str, *parts: str) -> AlertName:
    return AlertName(tenant, KEY_PREFIX + ":".join(parts))

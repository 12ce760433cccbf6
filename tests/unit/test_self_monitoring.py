"""Which conditions of a deployment become alerts about nerve itself."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.self_monitoring.conditions import (
    KEY_PREFIX,
    AlertName,
    Observations,
    Thresholds,
    conditions,
)
from api.self_monitoring_settings import SelfMonitoringSettings
from api.worker_reports import WorkerReport
from domain.builtin.system.alerts.commands import RaiseAlert
from domain.kernel import Severity
from projections.querying.deployment_rows import TenantRows
from tests.helpers.documentation import ROOT

LIMITS = Thresholds(max_lag=100, tenant="ops")
LAG = AlertName("ops", "nerve:lag:task_days")
EVERYTHING = Observations(
    lags={"task_days": 101},
    dead_letters={("acme", "tasks"): 2},
    stuck=[TenantRows("acme", "fulfilment", 3, "fulfilment-order-1")],
    old_keys={"beta": ["apikey-1", "apikey-2"]},
    reports=[WorkerReport(("card", "mail"), None), WorkerReport(("mail",), "the archive cannot store 1")],
)


def names(observed: Observations, open_alerts: Collection[AlertName] = ()) -> list[AlertName]:
    """The alerts for what was observed."""
    return [condition.name for condition in conditions(observed, open_alerts, LIMITS)]


def test_each_condition_has_an_alert_in_the_tenant_that_it_concerns() -> None:
    """What several workers report is one condition."""
    assert names(EVERYTHING) == [
        LAG,
        AlertName("acme", "nerve:dead-letters:tasks"),
        AlertName("acme", "nerve:stuck:fulfilment"),
        AlertName("beta", "nerve:api-keys"),
        AlertName("ops", "nerve:circuit:card"),
        AlertName("ops", "nerve:circuit:mail"),
        AlertName("ops", "nerve:archive"),
    ]
    assert names(Observations()) == []


@pytest.mark.parametrize(
    ("lag", "is_open", "holds"),
    [(100, False, False), (101, False, True), (100, True, True), (51, True, True), (50, True, False)],
)
def test_a_lag_is_raised_above_the_limit_and_resolved_at_half_of_it(
    lag: int, is_open: bool, holds: bool
) -> None:
    """So a lag that swings around the limit raises one alert."""
    assert names(Observations(lags={"task_days": lag}), [LAG] if is_open else []) == ([LAG] if holds else [])


@given(st.lists(st.integers(0, 200), max_size=30))
def test_a_lag_raises_once_until_it_was_at_half_of_the_limit(lags: list[int]) -> None:
    """Whatever it does in between."""
    open_alerts: list[AlertName] = []
    raised_at_low = True
    for lag in lags:
        raised_at_low = raised_at_low or lag <= 50
        after = names(Observations(lags={"task_days": lag}), open_alerts)
        if after and not open_alerts:
            assert raised_at_low
            raised_at_low = False
        open_alerts = after


def test_each_condition_is_an_alert_that_can_be_raised() -> None:
    """Its message names the view as clients know it, and has no name of a tenant."""
    for condition in conditions(EVERYTHING, (), LIMITS):
        name, severity, message, details = condition
        RaiseAlert(key=name.key, severity=severity, category="nerve", message=message, details=dict(details))
        assert name.key.startswith(KEY_PREFIX)
        assert severity in (Severity.WARNING, Severity.ERROR)
        assert not re.search(r"acme|beta|ops|task_days", message)


def test_the_page_of_operations_lists_each_setting_and_each_key() -> None:
    """With its default and description."""
    page = (ROOT / "docs" / "operations.md").read_text()
    for name, field in SelfMonitoringSettings.model_fields.items():
        default = str(field.default).lower() if isinstance(field.default, bool) else field.default
        assert f"| `{name}` | `{default}` | {field.description} |" in page
    for condition in conditions(EVERYTHING, (), LIMITS):
        assert f"| `{KEY_PREFIX}{condition.name.key.split(':')[1]}" in page


@pytest.mark.parametrize(
    "values", [{"interval": 0}, {"max_lag": 0}, {"tenant": "a/b"}, {"tenant": "_x"}, {"on": 1}]
)
def test_wrong_settings_are_refused(values: dict[str, Any]) -> None:
    """At start."""
    with pytest.raises(ValueError, match="validation error"):
        SelfMonitoringSettings(**values)

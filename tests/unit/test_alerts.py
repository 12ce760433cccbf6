"""The rules of alerts, and their view."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st
from pydantic import ValidationError

from api.access.callers import Caller
from domain.builtin.system.alerts import context
from domain.builtin.system.alerts.aggregate import Alert, AlertState
from domain.builtin.system.alerts.commands import (
    MAX_KEY,
    AcknowledgeAlert,
    RaiseAlert,
    RecordResourceLevel,
    ResolveAlert,
    alert_id,
    alert_key,
)
from domain.builtin.system.alerts.events import AlertAcknowledged, AlertRaised, AlertRepeated, AlertResolved
from domain.kernel import NotFound
from domain.kernel.access import bind
from domain.kernel.severity import Severity
from domain.testing import NOON, given
from projections.builtin.alerts import view
from projections.testing import History

KEY = "lag:tasks"
ID = alert_id(KEY)
WHAT = {"severity": Severity.WARNING, "category": "views", "message": "the view tasks is late"}
RAISE = RaiseAlert(key=KEY, **WHAT, details={"lag": 5000})
RAISED = AlertRaised(key=KEY, **WHAT, details={"lag": 5000})
REPEATED = AlertRepeated(**WHAT, details={"lag": 5000})
WORSE = AlertRepeated(**{**WHAT, "severity": Severity.ERROR})
ACKNOWLEDGED = AlertAcknowledged(note="adding a worker")
RESOLVED = AlertResolved(reason="it is up to date")
LATER = NOON + timedelta(minutes=5)
DISK = {"resource": "disk", "high": 90.0, "low": 80.0, "unit": "%"}


def test_an_alert_is_raised_once_and_then_repeated_until_it_is_resolved():
    given(Alert).when(RAISE).then(RAISED)
    given(Alert, RAISED).when(RAISE).then(REPEATED)
    given(Alert, RAISED, ACKNOWLEDGED).when(RAISE).then(REPEATED)
    given(Alert, RAISED, RESOLVED).when(RAISE).then(RAISED)


def test_an_open_alert_is_acknowledged_once():
    acknowledge = AcknowledgeAlert(id=ID, note="adding a worker")
    given(Alert, RAISED).when(acknowledge).then(ACKNOWLEDGED)
    given(Alert, RAISED, ACKNOWLEDGED).when(acknowledge).then_nothing()
    given(Alert, RAISED, RESOLVED).when(acknowledge).then_refused(containing="is resolved")
    given(Alert).when(acknowledge).then_refused(NotFound)


def test_a_higher_severity_opens_an_acknowledged_alert_again():
    assert Alert().evolve_all((RAISED, ACKNOWLEDGED, REPEATED)).state is AlertState.ACKNOWLEDGED
    assert Alert().evolve_all((RAISED, ACKNOWLEDGED, WORSE)).state is AlertState.OPEN
    acknowledge = AcknowledgeAlert(id=ID, note="adding a worker")
    given(Alert, RAISED, ACKNOWLEDGED, WORSE).when(acknowledge).then(ACKNOWLEDGED)


def test_an_alert_is_resolved_once():
    resolve = ResolveAlert(id=ID, reason="it is up to date")
    given(Alert, RAISED).when(resolve).then(RESOLVED)
    given(Alert, RAISED, ACKNOWLEDGED).when(resolve).then(RESOLVED)
    given(Alert, RAISED, RESOLVED).when(resolve).then_nothing()
    given(Alert).when(resolve).then_refused(NotFound)


@pytest.mark.parametrize("level", [80.0, 90.0])
def test_a_level_up_to_the_high_threshold_raises_no_alert(level):
    given(Alert).when(RecordResourceLevel(**DISK, level=level)).then_nothing()


def test_a_level_above_the_high_threshold_raises_an_alert():
    given(Alert).when(RecordResourceLevel(**DISK, level=90.001)).then(
        AlertRaised(
            key="resource:disk",
            severity=Severity.WARNING,
            category="resource",
            message="disk is at 90.001 %, above 90 %",
            details={**DISK, "level": 90.001},
        )
    )


@pytest.mark.parametrize(("level", "is_resolved"), [(95.0, False), (80.0, False), (79.999, True)])
def test_a_level_resolves_the_alert_below_the_low_threshold_alone(level, is_resolved):
    outcome = given(Alert, RAISED).when(RecordResourceLevel(**DISK, level=level))
    expected = [AlertResolved(reason="disk is at 79.999 %, below 80 %")] if is_resolved else []
    outcome.then(*expected)


def test_a_level_that_swings_around_one_threshold_raises_one_alert():
    scenario = given(Alert)
    for level in (91, 89, 91, 81, 95, 79, 89, 80):
        events = scenario.when(RecordResourceLevel(**DISK, level=level)).events
        scenario = given(Alert, *scenario.history, *events)
    assert [type(event) for event in scenario.history] == [AlertRaised, AlertResolved]


def test_thresholds_in_the_wrong_order_are_refused():
    with pytest.raises(ValidationError, match="low must be at most high"):
        RecordResourceLevel(resource="disk", level=1, high=80, low=80.5)
    RecordResourceLevel(resource="disk", level=1, high=80, low=80)


def test_the_key_of_long_parts_is_bounded_and_their_own():
    assert alert_key("stuck", "order-1") == "stuck:order-1"
    whole, *longer = [alert_key("stuck", "order-" + "x" * length) for length in (108, 109, 110)]
    assert whole == "stuck:order-" + "x" * 108
    assert [len(key) for key in (whole, *longer)] == [MAX_KEY] * 3
    assert len({whole, *longer}) == 3
    assert all(RaiseAlert(key=key, **WHAT).target == f"alert-{key}" for key in longer)


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("system_reporter", ["RaiseAlert", "RecordResourceLevel", "ResolveAlert"]),
        ("operator", ["AcknowledgeAlert", "ResolveAlert"]),
        ("user_manager", []),
    ],
)
def test_programs_raise_alerts_and_operators_take_care_of_them(role, expected):
    caller = Caller(subject="eve", roles=frozenset({role}))
    allowed = [each for each in context.commands if bind(each.access, caller).is_unconditional]
    assert [each.__name__ for each in allowed] == expected
    assert bind(view.access, caller).is_unconditional is (role == "operator")


def test_the_view_counts_the_occurrences_of_an_alert():
    history = History().add(ID, RAISED).add(ID, ACKNOWLEDGED, at=LATER, actor="ada")
    row = history.rows(view)[ID]
    assert (row["state"], row["occurrences"], row["note"]) == ("ACKNOWLEDGED", 1, "adding a worker")
    assert (row["acknowledged_by"], row["acknowledged_at"]) == ("ada", LATER)
    row = history.add(ID, WORSE, at=LATER).rows(view)[ID]
    assert (row["state"], row["severity"], row["occurrences"]) == ("OPEN", "ERROR", 2)
    assert (row["first_seen"], row["last_seen"]) == (NOON, LATER)


def test_the_view_shows_an_alert_that_is_raised_again_as_open():
    history = History().add(ID, RAISED).add(ID, ACKNOWLEDGED, actor="ada").add(ID, RESOLVED, at=LATER)
    row = history.rows(view)[ID]
    assert (row["state"], row["resolved_at"], row["resolve_reason"]) == ("RESOLVED", LATER, RESOLVED.reason)
    row = history.add(ID, RAISED, at=LATER).rows(view)[ID]
    assert (row["state"], row["occurrences"], row["first_seen"]) == ("OPEN", 2, NOON)
    assert (row["acknowledged_by"], row["note"], row["resolved_at"]) == (None, None, None)


COMMANDS = st.one_of(
    st.sampled_from(Severity).map(lambda severity: RAISE.model_copy(update={"severity": severity})),
    st.just(AcknowledgeAlert(id=ID)),
    st.just(ResolveAlert(id=ID)),
    st.sampled_from((70.0, 85.0, 95.0)).map(lambda level: RecordResourceLevel(**DISK, level=level)),
)


@settings(deadline=None)
@for_all(st.lists(COMMANDS, max_size=15))
def test_the_view_has_the_state_of_the_aggregate_after_any_commands(commands):
    scenario, history = given(Alert, RAISED), History().add(ID, RAISED)
    for command in commands:
        events = scenario.when(command).events
        scenario = given(Alert, *scenario.history, *events)
        for event in events:
            history.add(ID, event)
    row, raised = history.rows(view)[ID], (AlertRaised, AlertRepeated)
    alert = Alert().evolve_all(scenario.history)
    assert (row["state"], row["severity"]) == (alert.state, alert.severity)
    assert row["occurrences"] == sum(isinstance(event, raised) for event in scenario.history)

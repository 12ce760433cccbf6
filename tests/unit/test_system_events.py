"""System events and calls of services, and their views."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.builtin.system.service_calls.aggregate import ServiceCall
from domain.builtin.system.service_calls.commands import RecordServiceRequest, RecordServiceResponse
from domain.builtin.system.service_calls.events import ServiceOutcome, ServiceRequested, ServiceResponded
from domain.builtin.system.system_events.aggregate import SystemEvent
from domain.builtin.system.system_events.commands import RecordSystemEvent
from domain.builtin.system.system_events.events import SystemEventRecorded
from domain.kernel.severity import Severity
from domain.testing import NOON, given
from projections.builtin import service_calls, system_events
from projections.testing import History

WHAT = {"severity": Severity.ERROR, "category": "backup", "source": "nightly", "message": "no space"}
CALL = "servicecall-1"
REQUESTED = ServiceRequested(service="bank", operation="POST /charges", requested_at=NOON)


def test_a_severity_is_above_those_before_it():
    severities = list(Severity)
    for index, severity in enumerate(severities):
        assert [severity.is_above(other) for other in severities] == [n < index for n in range(4)]


def test_a_system_event_is_recorded_and_shown_as_it_is():
    recorded = SystemEventRecorded(**WHAT, details={"free": 0})
    given(SystemEvent).when(RecordSystemEvent(**WHAT, details={"free": 0})).then(recorded)
    rows = History().add("systemevent-1", recorded).rows(system_events.view)
    assert rows == {
        "systemevent-1": {"id": "systemevent-1", **WHAT, "details": {"free": 0}, "occurred_at": NOON}
    }


def test_the_latency_of_a_call_is_the_time_between_its_records_unless_it_is_given():
    given(ServiceCall).when(RecordServiceRequest(service="bank", operation="POST /charges")).then(REQUESTED)
    later = given(ServiceCall, REQUESTED).at(NOON + timedelta(milliseconds=250))
    response = RecordServiceResponse(id=CALL, outcome=ServiceOutcome.REFUSED, code="card_declined")
    later.when(response).then(
        ServiceResponded(outcome=ServiceOutcome.REFUSED, code="card_declined", latency_seconds=0.25)
    )
    measured = RecordServiceResponse(id=CALL, outcome=ServiceOutcome.SUCCEEDED, latency_seconds=0.125)
    later.when(measured).then(ServiceResponded(outcome=ServiceOutcome.SUCCEEDED, latency_seconds=0.125))


def test_a_call_has_one_response():
    response = RecordServiceResponse(id=CALL, outcome=ServiceOutcome.TIMED_OUT)
    answered = given(ServiceCall, REQUESTED, ServiceResponded(outcome=ServiceOutcome.TIMED_OUT))
    answered.when(response).then_refused(containing="has its response already")


@pytest.mark.parametrize("outcome", ServiceOutcome)
def test_the_view_shows_a_call_before_and_after_its_response(outcome):
    history = History().add(CALL, REQUESTED)
    row = history.rows(service_calls.view)[CALL]
    assert (row["service"], row["operation"], row["outcome"]) == ("bank", "POST /charges", None)
    history.add(CALL, ServiceResponded(outcome=outcome, code="402", latency_seconds=1.5))
    row = history.rows(service_calls.view)[CALL]
    assert (row["outcome"], row["code"], row["latency_seconds"]) == (outcome, "402", 1.5)

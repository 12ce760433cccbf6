"""Which fields of rows and of events may have personal data, as reports leave them out."""

from __future__ import annotations

from typing import Any

import pytest

from api.access.visibility import Visibility
from api.event_json import personal_paths
from api.graphql.visible_views import visible_views
from domain.activity.events import ActionTaken, LoggedIn, LoginFailed
from domain.agent_runs.events import SpanRecorded
from domain.agent_runs.spans import Span
from domain.documents.events import DocumentCreated
from domain.kernel import Event
from domain.kernel.names import client_name
from domain.kernel.personal import without_subject
from domain.process.events import CallRequested
from domain.users.events import UserCreated, UserUpdated
from projections.builtin.port_calls import port_call_view
from projections.builtin.process_rows import ProcessRow
from projections.builtin.processes import instance_context, process_view
from projections.kernel import View
from projections.testing import History
from projections.views import (
    activity_days,
    documents,
    run_days,
    runs,
    spans,
    user_activities,
    user_sessions,
    users,
)
from tests.helpers import people
from tests.helpers.parcel_delivery import deliveries

PERSON = "user-1"
RUN = f"agentrun-{'1' * 32}"
CHAT = Span(span_id="2" * 16, name="chat", start_nano=1, end_nano=2, operation="chat", request_model="m")
LOGIN = LoggedIn(user_id=PERSON, session="s-1", address="192.0.2.1", user_agent="Browser")

USER = {PERSON: [UserCreated(email="ann@example.org", name="Ann"), UserUpdated(name="Anna")]}
DOCUMENT = {
    "document-1": [DocumentCreated(tags=["a"], subject_id=PERSON, personal={"title": "t", "content": 1})]
}
ACTIVITY = {
    "activity-1": [
        LOGIN,
        ActionTaken(user_id=PERSON, session="s-1", action="read"),
        LoginFailed(user_id=PERSON, address="192.0.2.1", user_agent="Browser"),
    ]
}
RECORDED = {RUN: [SpanRecorded(span=CHAT, subject=PERSON, content={"gen_ai.prompt": "I am Ann"})]}

CASES = [
    (users, USER),
    (documents, DOCUMENT),
    (user_sessions, ACTIVITY),
    (user_activities, ACTIVITY),
    (activity_days, ACTIVITY),
    (spans, RECORDED),
    (runs, RECORDED),
    (run_days, RECORDED),
]


@pytest.mark.parametrize(("module", "events"), CASES, ids=[module.view.name for module, _ in CASES])
def test_the_personal_fields_of_a_view_are_those_that_an_erasure_changes(
    module: Any, events: dict[str, list[Event]]
) -> None:
    """The rows of nerve's own views with and without the personal data of one person."""
    view: View[Any] = module.view
    rows, erased = History(), History()
    for stream, own in events.items():
        rows.add(stream, *own)
        erased.add(stream, *(without_subject(event, stream, PERSON) for event in own))
    before, after = rows.rows(view), erased.rows(view)
    assert before.keys() == after.keys()
    changed = {name for key, row in before.items() for name in row if row[name] != after[key][name]}
    assert changed == set(view.personal or ())
    assert view.personal is not None


def test_without_a_declaration_every_field_may_be_personal() -> None:
    """If an event of the context has personal data; else none is."""
    fields = set(people.view.row.__annotations__)
    assert set(people.view.personal_fields) == fields - {"id"}


def test_what_a_process_carries_for_commands_and_calls_may_be_personal() -> None:
    """Its events have no personal field of their own, but values of any person."""
    context = instance_context(deliveries.context)
    undeclared = View(
        name="runs", singular="run", context=context, row=ProcessRow, apply=lambda _id, row, _event: row
    )
    assert set(undeclared.personal_fields) == set(ProcessRow.__annotations__) - {"id"}
    assert {"effects", "error", "result"} <= set(process_view([deliveries.context]).personal_fields)
    assert port_call_view([deliveries.context]).personal_fields == ()


def test_a_hidden_field_is_not_named() -> None:
    """A caller without the right to it would learn that it exists."""
    visibility = Visibility(
        views=frozenset({"spans"}), hidden_fields=frozenset({("spans", "content"), ("spans", "status")})
    )
    (view,) = visible_views([spans.view], visibility)
    assert view.personal_fields == ()


@pytest.mark.parametrize(
    ("event", "paths"),
    [
        (LOGIN, ["address", "userAgent", "location"]),
        (ActionTaken(user_id=PERSON, session="s-1", action="read"), []),
        (
            CallRequested(
                name="pay",
                port="payments",
                request="Pay",
                input={"email": "ann@example.org", "amount": 1},
                compensation_input={"email": "ann@example.org"},
                personal={"input.email": PERSON, "compensation_input.email": PERSON},
            ),
            ["input.email", "compensationInput.email"],
        ),
    ],
    ids=["marked fields", "none", "carried values"],
)
def test_an_event_names_its_personal_fields_as_in_its_data(event: Event, paths: list[str]) -> None:
    """Also those that an event of a process carries for a command or a call."""
    (recorded,) = History().add("stream-1", event).events
    assert list(personal_paths(recorded, client_name)) == paths


def test_of_an_event_that_cannot_be_read_all_fields_may_be_personal() -> None:
    """Its type is not declared any longer, so nothing says which of them are."""
    (recorded,) = History().add(PERSON, *USER[PERSON][:1]).events
    unreadable = recorded._replace(payload=None, subjects=(PERSON,))
    assert set(personal_paths(unreadable, client_name)) == {"email", "name"}
    assert personal_paths(unreadable._replace(subjects=()), client_name) == []

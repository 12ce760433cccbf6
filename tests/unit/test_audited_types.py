"""The types whose reads are recorded with the setting `audit_reads`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from api.graphql.execution.audited_reads import EVENT_TYPES, audited_types
from domain.process import process_context
from projections.builtin.port_calls import port_call_view
from projections.builtin.processes import process_view
from projections.kernel import View
from projections.views import agents, documents
from tests.helpers.guests import Invitation

INVITATIONS = process_context("invitations", Invitation)


def test_rows_of_contexts_with_personal_fields_and_events_are_audited() -> None:
    assert audited_types([documents.view, agents.view]) == EVENT_TYPES | {"Document"}


def test_rows_that_may_repeat_what_processes_carry_are_audited() -> None:
    """The events of a process have no personal fields, but carry commands and requests that have some."""
    views: list[View[Any]] = [process_view([INVITATIONS]), port_call_view([INVITATIONS])]
    assert audited_types(views) == EVENT_TYPES | {"Process"}


def test_rows_of_a_process_are_audited_unless_their_view_declares_them_free_of_personal_data() -> None:
    undeclared = replace(port_call_view([INVITATIONS]), personal=None)
    assert audited_types([undeclared]) == EVENT_TYPES | {"PortCall"}

"""Severities of events: declared by their type, or in their data."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.kernel import Event, RecordedEvent, Severity
from domain.kernel.errors import DeclarationError
from domain.process.events import ProcessStuck
from eventstore.reading.event_query import EVERYTHING
from tests.helpers.poison_notes import commits_of


class LampBroken(Event, type="lamp.broken", severity=Severity.ERROR):
    pass


class LampChecked(Event, type="lamp.checked", severity=Severity.INFO):
    severity: Severity


class LampRated(Event, type="lamp.rated"):
    severity: str


def recorded(event: Event) -> RecordedEvent:
    """The event as the log has it."""
    (commit,) = commits_of([("note-1", [event])])
    return commit.events[0]


@pytest.mark.parametrize(
    ("event", "severity"),
    [
        (LampBroken(), Severity.ERROR),
        (LampChecked(severity=Severity.CRITICAL), Severity.CRITICAL),
        (LampRated(severity="ERROR"), None),
        (ProcessStuck(reason="x"), Severity.ERROR),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_event_has_the_severity_of_its_data_or_else_of_its_type(
    event: Event, severity: Severity | None
) -> None:
    """A text that happens to be called severity is none."""
    assert recorded(event).severity == severity
    for wanted in Severity:
        assert replace(EVERYTHING, severities=[wanted]).wants(recorded(event)) is (wanted is severity)


def test_an_event_that_cannot_be_read_has_no_severity() -> None:
    """A filter by severity leaves it out."""
    unreadable = recorded(LampBroken())._replace(payload=None)
    assert unreadable.severity is None
    assert not replace(EVERYTHING, severities=list(Severity)).wants(unreadable)


def test_no_field_of_an_event_takes_the_place_of_its_type_s_severity() -> None:
    """`severity` itself is free."""
    with pytest.raises(DeclarationError, match="type_severity"):
        type("LampNamed", (Event,), {"__annotations__": {"type_severity": str}}, type="lamp.named")

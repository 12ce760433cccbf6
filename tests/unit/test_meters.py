"""What one process may say of what it counts and measures."""

from __future__ import annotations

from domain.meters.aggregate import Reporter
from domain.meters.commands import ReportCount, ReportLabels, ReportReading
from domain.meters.events import Counted, Labelled, Measured
from domain.testing import given

ID = "reporter-worker-1"
COUNTED = Counted(name="tokens", increments=5, decrements=1)


def test_a_process_reports_its_totals() -> None:
    given(Reporter).when(ReportCount(id=ID, name="tokens", increments=5, decrements=1)).then(COUNTED)
    given(Reporter).when(ReportCount(id=ID, name="tokens", increments=0)).then(
        Counted(name="tokens", increments=0, decrements=0)
    )


def test_totals_that_come_late_change_nothing() -> None:
    history = given(Reporter, COUNTED)
    history.when(ReportCount(id=ID, name="tokens", increments=5, decrements=1)).then_nothing()
    history.when(ReportCount(id=ID, name="tokens", increments=3)).then_nothing()
    history.when(ReportCount(id=ID, name="tokens", increments=3, decrements=2)).then(
        Counted(name="tokens", increments=5, decrements=2)
    )


def test_each_name_has_totals_of_its_own() -> None:
    given(Reporter, COUNTED).when(ReportCount(id=ID, name="calls", increments=1)).then(
        Counted(name="calls", increments=1, decrements=0)
    )


def test_every_reading_is_recorded() -> None:
    measured = Measured(name="load", value=0.5)
    given(Reporter, measured).when(ReportReading(id=ID, name="load", value=0.5)).then(measured)


def test_labels_are_said_once() -> None:
    history = given(Reporter, Labelled(name="tokens", labels=["a"]))
    history.when(ReportLabels(id=ID, name="tokens", labels=["b", "a"])).then(
        Labelled(name="tokens", labels=["b"])
    )
    history.when(ReportLabels(id=ID, name="tokens", labels=["a"])).then_nothing()

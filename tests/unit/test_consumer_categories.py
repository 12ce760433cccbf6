"""The categories of the commits that concern a consumer: all others may reach it a moment later."""

from __future__ import annotations

from domain.builtin.deadletters.aggregate import DeadLetter
from domain.builtin.subjects.aggregate import Subject
from projections.projecting.projector import folded_categories
from tests.helpers.notes import view


def test_its_events_erasures_and_decisions_concern_a_view() -> None:
    assert folded_categories(view) == {"note", Subject.category, DeadLetter.category}

"""The categories of the commits that concern a consumer: all others may reach it a moment later."""

from __future__ import annotations

from domain.builtin.deadletters.aggregate import DeadLetter
from domain.builtin.subjects.aggregate import Subject
from domain.process.process import trigger_classes
from projections.projecting.projector import folded_categories
from subscriptions.processes.triggers import categories_of
from tests.helpers.chore_process.chores import CATALOG, Chore, ChoreBegun, PageErased
from tests.helpers.notes import view


def test_its_events_erasures_and_decisions_concern_a_view() -> None:
    assert folded_categories(view) == {"note", Subject.category, DeadLetter.category}


def test_commits_of_each_context_of_its_triggers_concern_a_process() -> None:
    assert categories_of(trigger_classes(Chore), CATALOG) == {"chorelist", "page"}


def test_commits_of_each_context_of_its_events_concern_a_policy() -> None:
    assert categories_of([ChoreBegun], CATALOG) == {"chorelist"}
    assert categories_of([PageErased, ChoreBegun], CATALOG) == {"chorelist", "page"}

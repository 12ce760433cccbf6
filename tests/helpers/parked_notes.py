"""Histories with events that a view cannot fold, and what is expected of its rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from domain.kernel import Commit, Event, RecordedEvent
from eventstore.mongo.driver import Document
from projections.folding.dead_letter_documents import Letter
from projections.folding.folding import Fold, touches
from projections.folding.parking import EventName
from projections.kernel.view import View
from tests.helpers.notes import Erased, Linked, Scored, Written
from tests.helpers.poison_notes import NOWHERE, POISON, commits_of, is_poison

NAMES = ("note-a", "note-b", "note-c")


events: st.SearchStrategy[Event] = st.one_of(
    st.builds(Written, text=st.sampled_from(["x", "y"])),
    st.builds(Scored, by=st.sampled_from([1, 2, POISON])),
    st.builds(Linked, to=st.sampled_from([*NAMES, NOWHERE])),
    st.builds(Erased),
)


histories = st.lists(
    st.tuples(st.sampled_from(NAMES), st.lists(events, min_size=1, max_size=3)), min_size=1, max_size=14
).map(commits_of)


def folded(
    view: View[Any], batches: Sequence[Sequence[Commit]]
) -> tuple[dict[str, Document], dict[str, Letter]]:
    """The stored rows after these batches, and the letters that were recorded on the way."""
    fold, rows, letters = Fold(view, 1), dict[str, Document](), dict[str, Letter]()
    for batch in batches:
        for key, touched in touches(view, batch).items():
            row = fold(rows.get(key), touched)
            if row is not None:
                rows[key] = row.document
                letters |= {f"{letter.key}/{letter.event.id}": letter for letter in row.letters}
    return rows, letters


def cut(commits: Sequence[Commit], places: Sequence[int]) -> list[Sequence[Commit]]:
    ends = [0, *sorted(min(place, len(commits)) for place in places), len(commits)]
    return [commits[start:end] for start, end in pairwise(ends)]


def expected_of_row(row: str, commits: Sequence[Commit]) -> tuple[list[RecordedEvent], list[EventName]]:
    """Return the events that the broken view must fold into a row, and those that must wait, by the rules."""
    folded_events: list[RecordedEvent] = []
    waiting: list[EventName] = []
    for event in (event for commit in commits for event in commit.events):
        linked = event.payload.to if isinstance(event.payload, Linked) else None
        if linked == NOWHERE or row not in (event.stream, linked):
            continue
        if event.stream in [name.stream for name in waiting]:
            continue
        if is_poison(row, event):
            waiting.append(EventName(event.stream, event.version))
        else:
            folded_events.append(event)
    return folded_events, waiting


def rows_and_letters(
    view: View[Any], commits: Sequence[Commit], places: Iterable[int] = ()
) -> tuple[dict[str, Document], list[Letter]]:
    """Return the rows after these commits, in batches that end at these places, and the letters in order."""
    rows, letters = folded(view, cut(commits, list(places)))
    return rows, sorted(letters.values(), key=lambda letter: letter.event.position)

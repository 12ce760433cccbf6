"""The version that a row records of its own stream: what to expect of it when deciding on the row."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.kernel import Commit, Event, RecordedEvent
from eventstore.place import Place
from projections.folding.folding import RowFold
from projections.folding.parking import EventName
from projections.kernel.view import View
from tests.helpers import notes
from tests.helpers.notes import Erased, Linked, Scored, Written
from tests.helpers.parked_notes import NAMES, cut, expected_of_row, folded, histories
from tests.helpers.poison_notes import POISON, Dose, commits_of, poisoned


def versions_of(row: str, events: list[RecordedEvent]) -> int | None:
    """The version after the last own event among these, of a row that is there; one event at a time."""
    version, state = None, None
    for event in events:
        state = notes.view.apply(row, state, event)
        if event.stream == row and state is not None:
            version = event.version
    return None if state is None else version


@settings(max_examples=50)
@given(histories, st.lists(st.integers(0, 14), max_size=5))
def test_c19_a_row_has_the_version_of_the_last_event_of_its_own_stream(
    commits: list[Commit], cuts: list[int]
) -> None:
    rows, _ = folded(poisoned(Dose()), cut(commits, cuts))
    for name in NAMES:
        events, _ = expected_of_row(name, commits)
        row = rows.get(f"default/{name}", {"_gone": True})
        assert (None if row["_gone"] else row.get("_version")) == versions_of(name, events)


def row_of(history: list[tuple[str, list[Event]]], view: View[Any] = notes.view) -> dict[str, Any]:
    rows, _ = folded(view, [[commit] for commit in commits_of(history)])
    return rows["default/note-a"]


def test_an_event_that_changes_nothing_advances_the_version() -> None:
    def apply(id: str, row: Any, event: RecordedEvent) -> Any:
        return row if isinstance(event.payload, Scored) else notes.view.apply(id, row, event)

    history: list[tuple[str, list[Event]]] = [("note-a", [Written(text="x")]), ("note-a", [Scored(by=1)])]
    row = row_of(history, replace(notes.view, apply=apply))
    assert (row["_version"], row["_position"], row["score"]) == (2, 2, 0)


def test_an_event_of_another_stream_leaves_the_version() -> None:
    row = row_of([("note-a", [Written(text="x")]), ("note-b", [Linked(to="note-a")])])
    assert (row["_version"], row["_position"], row["links"]) == (1, 2, 1)


def test_a_row_has_the_command_of_the_event_that_changed_it_last() -> None:
    """Also when it is gone; an event of another stream that leaves it as it is does not count."""
    commits = commits_of(
        [
            ("note-a", [Written(text="x")]),
            ("note-b", [Linked(to="note-a")]),
            ("note-b", [Scored(by=1)]),
            ("note-a", [Erased()]),
        ]
    )
    ids = [commit.info.command_id for commit in commits if commit.info is not None]
    for count, last in ((1, 0), (2, 1), (3, 1), (4, 3)):
        rows, _ = folded(notes.view, [[commit] for commit in commits[:count]])
        assert rows["default/note-a"]["_command"] == ids[last]


def test_a_parked_event_and_what_waits_behind_it_leave_the_version() -> None:
    commits = commits_of([("note-a", [Written(text="x"), Scored(by=POISON), Scored(by=1)])])
    rows, _ = folded(poisoned(Dose()), [commits])
    assert rows["default/note-a"]["_version"] == 1


def test_a_dropped_event_advances_the_version() -> None:
    (commit,) = commits_of([("note-a", [Written(text="x"), Scored(by=POISON)])])
    fold = RowFold(poisoned(Dose()), None, [EventName("note-a", 2)])
    for event in commit.events:
        fold.take("note-a", event)
    assert fold.document("default", "note-a", Place(1), 1)["_version"] == 2


def test_a_row_that_was_stored_without_a_version_has_it_from_its_next_own_event_on() -> None:
    first, second, third = commits_of(
        [("note-a", [Written(text="x")]), ("note-b", [Linked(to="note-a")]), ("note-a", [Scored(by=1)])]
    )
    rows, _ = folded(notes.view, [[first]])
    stored = {name: value for name, value in rows["default/note-a"].items() if name != "_version"}
    fold = RowFold(notes.view, stored)
    fold.take("note-a", second.events[0])
    assert "_version" not in fold.document("default", "note-a", Place(2), 1)
    fold.take("note-a", third.events[0])
    assert fold.document("default", "note-a", Place(3), 1)["_version"] == 2


def test_a_row_that_never_was_is_not_stored_for_its_version() -> None:
    rows, _ = folded(notes.view, [commits_of([("note-a", [Scored(by=1), Erased()])])])
    assert rows == {}

"""Poison waits where it lies: in its row, with what follows it in its stream; all others go on."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.kernel import Cause, Commit, Event
from domain.kernel.errors import Unavailable
from eventstore.mongo.driver import Document
from eventstore.place import Place
from projections.folding.folding import RowFold
from projections.folding.parking import EventName, parked_in, view_failure
from projections.storage.rows import fields
from subscriptions.consumers.failures import Failure
from tests.helpers import notes
from tests.helpers.notes import Linked, Scored, Written
from tests.helpers.parked_notes import NAMES, cut, expected_of_row, folded, histories
from tests.helpers.poison_notes import NOWHERE, POISON, SECRET, Dose, commits_of, poisoned, unread


@settings(max_examples=50)
@given(histories, st.lists(st.integers(0, 14), max_size=5))
def test_i8_a_row_is_told_all_but_poison_and_what_follows_it_in_its_stream(
    commits: list[Commit], cuts: list[int]
) -> None:
    view = poisoned(Dose())
    rows, letters = folded(view, cut(commits, cuts))
    for name in NAMES:
        told, waiting = expected_of_row(name, commits)
        row = None
        for event in told:
            row = view.apply(name, row, event)
        stored: Document = rows.get(f"default/{name}", {"_gone": True})
        assert (None if stored["_gone"] else fields(stored)) == row
        assert [parked.name for parked in parked_in(stored)] == waiting
        for parked in parked_in(stored):
            assert f"default/{name}/evt-{parked.position}-{parked.place}" in letters


@settings(max_examples=50)
@given(histories, st.lists(st.integers(0, 14), max_size=5), st.integers(0, 14))
def test_i8_batches_cut_anywhere_and_done_again_park_the_same(
    commits: list[Commit], cuts: list[int], again: int
) -> None:
    view = poisoned(Dose())
    one_by_one, letters = folded(view, [[commit] for commit in commits])
    batches = cut(commits, cuts)
    repeated = folded(view, [*batches, *batches[again % len(batches) :]])
    assert repeated == (one_by_one, letters)


@settings(max_examples=50)
@given(histories)
def test_an_event_of_unknown_rows_waits_alone_and_nobody_sees_it(commits: list[Commit]) -> None:
    rows, letters = folded(poisoned(Dose()), [commits])
    lost = [event for commit in commits for event in commit.events if event.payload == Linked(to=NOWHERE)]
    alone = {key: row for key, row in rows.items() if key.startswith("/")}
    assert list(alone) == [f"/default/{event.stream}@{event.version}" for event in lost]
    for row in alone.values():
        assert (row["_tenant"], row["_gone"], len(parked_in(row))) == ("/default", True, 1)
    assert [letter.row for letter in letters.values()].count(None) == len(lost)


@settings(max_examples=50)
@given(histories)
def test_what_is_told_of_a_failure_holds_nothing_of_the_event(commits: list[Commit]) -> None:
    secret = commits_of([("note-a", [Written(text=SECRET)])])
    _, letters = folded(poisoned(Dose()), [[*secret, *commits]])
    for letter in letters.values():
        assert (letter.failure.error, SECRET in str(letter.failure)) == ("Poison", False)
        assert letter.failure.detail.startswith("raised at tests/helpers/poison_notes.py:")
        assert SECRET not in str(letter.document("notes", 1))


@pytest.mark.parametrize("cause", [cause for cause in Cause if cause is not Cause.LOCKED])
def test_what_cannot_be_read_waits_in_the_row_of_its_stream_where_rows_are_streams(cause: Cause) -> None:
    (first,) = commits_of([("note-a", [Written(text="x"), Scored(by=1), Scored(by=2)])])
    events = (first.events[0], unread(first.events[1], cause), first.events[2])
    rows, letters = folded(poisoned(Dose(), streams=True), [[first._replace(events=events)]])
    (row,) = rows.values()
    assert (row["score"], [parked.version for parked in parked_in(row)]) == (0, [2])
    (letter,) = letters.values()
    assert letter.failure == Failure(cause.value, "no class has it")


def test_what_cannot_be_read_waits_alone_where_rows_depend_on_what_it_says() -> None:
    (first,) = commits_of([("note-a", [Written(text="x"), Scored(by=1), Scored(by=2)])])
    events = (first.events[0], unread(first.events[1]), first.events[2])
    rows, _ = folded(poisoned(Dose()), [[first._replace(events=events)]])
    assert rows.keys() == {"default/note-a", "/default/note-a@2"}
    assert rows["default/note-a"]["score"] == 2


@pytest.mark.parametrize("streams", [True, False])
def test_a_view_stops_before_what_only_this_process_has_no_key_for(streams: bool) -> None:
    (first,) = commits_of([("note-a", [Written(text="x")])])
    locked = first._replace(events=(unread(first.events[0], Cause.LOCKED),))
    with pytest.raises(Unavailable, match=r"^the view 'notes' stops before position 1: .* \(locked\)"):
        folded(poisoned(Dose(), streams=streams), [[locked]])


def test_what_was_dropped_is_left_out_and_its_stream_goes_on() -> None:
    (commit,) = commits_of([("note-a", [Written(text="x"), Scored(by=POISON), Scored(by=2)])])
    fold = RowFold(poisoned(Dose()), None, [EventName("note-a", 2)])
    for event in commit.events:
        fold.take("note-a", event)
    row = fold.document("default", "note-a", Place(1), 1)
    assert (row["score"], fold.failures, "_parked" in row) == (2, [], False)


@pytest.mark.parametrize(
    ("event", "error"),
    [
        (Scored(by=2**63 - 1), "wrong row"),
        (Written(text="\ud800"), "wrong row"),
        (Written(text="x" * 16_000_001), "OverflowError"),
    ],
)
def test_what_makes_a_row_that_cannot_be_stored_is_parked(event: Event, error: str) -> None:
    commits = commits_of(
        [
            ("note-a", [Written(text="x"), Scored(by=1)]),
            ("note-b", [Written(text="x")]),
            ("note-a", [event, Scored(by=1)]),
        ]
    )
    rows, letters = folded(notes.view, [commits])
    assert rows["default/note-b"]["text"] == "x"
    row = rows["default/note-a"]
    assert (row["text"], row["score"], [parked.version for parked in parked_in(row)]) == ("x", 1, [3])
    (letter,) = letters.values()
    assert (letter.event.version, letter.failure.error) == (3, error)


def test_a_process_without_memory_parks_nothing() -> None:
    with pytest.raises(MemoryError):
        view_failure(notes.view, MemoryError())

"""A6: what a fold and a key return is checked; what is wrong is parked as that event's dead letter."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.kernel import Event, RecordedEvent
from domain.kernel.errors import DeclarationError
from projections.folding.folding import Fold, touches
from projections.folding.parking import parked_in
from projections.kernel.view import View
from projections.storage.rows import fields
from tests.helpers import notes
from tests.helpers.notes import NoteRow, Scored, Written
from tests.helpers.parked_notes import rows_and_letters
from tests.helpers.poison_notes import SECRET, commits_of

PLACE = r"tests/unit/test_fold_results\.py:\d+"
WRONG = 13
"""A score with which the fold makes its mistake."""

HISTORY: list[tuple[str, list[Event]]] = [
    ("note-a", [Written(text="x"), Scored(by=1)]),
    ("note-b", [Written(text=SECRET)]),
    ("note-a", [Scored(by=WRONG), Scored(by=1)]),
    ("note-b", [Scored(by=2)]),
]


def mistaken(make: Any) -> View[Any]:
    """The view of notes, which returns what `make` makes of the right row."""

    def apply(id: str, row: NoteRow | None, event: RecordedEvent) -> Any:
        if event.payload == Scored(by=WRONG):
            return make(dict(row or {}))
        return notes.view.apply(id, row, event)

    return replace(notes.view, apply=apply)


async def _coroutine(row: Any) -> Any:
    return row


def _with(**values: Any) -> Any:
    return lambda row: {**row, **values}


def _without(*names: str) -> Any:
    return lambda row: {name: value for name, value in row.items() if name not in names}


WRONG_ROWS: list[tuple[Any, str]] = [
    (
        lambda row: {"id": row["id"]},
        "a row without text, score, links, folded, written_at, scored_at: it must",
    ),
    (_without("score"), r"a row without score: it must have all fields of NoteRow, so start from \{\*\*row"),
    (_without("id"), "a row without its id"),
    (lambda row: {}, "a row without its id"),
    (_with(id="note-b"), "a row with another id: it must have the id that it was called with, 'id': id"),
    (_with(id=None), "a row with another id"),
    (_with(colour=SECRET), "a row with fields that NoteRow does not declare: it has id, text, score"),
    (_with(**{SECRET: 1}), "a row with fields that NoteRow does not declare"),
    (lambda row: {**_without("text")(row), "txt": "x"}, "a row without text"),
    (_with(score="7"), "a row that does not fit: score: expected an integer, not a value of class str"),
    (_with(score=True), "score: expected an integer"),
    (_with(score=1.5), "score: expected an integer"),
    (_with(score=None), "score: expected an integer, not a value of class NoneType"),
    (_with(score=2**63), "score: an integer has 64 bits"),
    (_with(text=None), "text: expected a text"),
    (_with(text=b"x"), "text: expected a text"),
    (_with(text="\ud800"), "text: half of a surrogate pair"),
    (_with(folded=(1, 2)), "folded: expected a list"),
    (_with(folded=[1, "2"]), r"folded\[1\]: expected an integer"),
    (_with(folded=[True]), r"folded\[0\]: expected an integer"),
    (_with(folded="12"), "folded: expected a list"),
    (_with(written_at=datetime(2026, 1, 1)), "written_at: a datetime without a time zone"),
    (_with(written_at=date(2026, 1, 1)), "written_at: expected a datetime"),
    (_with(written_at="2026-01-01T00:00:00Z"), "written_at: expected a datetime"),
    (_with(scored_at=0), "scored_at: expected a datetime"),
    (lambda row: [row], "a value of class list: it must be a NoteRow, or None"),
    (lambda row: SECRET, "a value of class str"),
    (lambda row: True, "a value of class bool"),
    (lambda row: Written(text=SECRET), "a value of class Written"),
    (_coroutine, "a coroutine: write `def`, not `async def`"),
]


@pytest.mark.parametrize(("make", "said"), WRONG_ROWS, ids=range(len(WRONG_ROWS)))
def test_a6_a_wrong_row_is_parked_as_its_events_dead_letter_and_other_rows_go_on(
    make: Any, said: str
) -> None:
    rows, letters = rows_and_letters(mistaken(make), commits_of(HISTORY))
    (letter,) = letters
    assert (letter.row, letter.event.version, letter.failure.error) == ("note-a", 3, "wrong row")
    assert re.match(f"the fold of notes returned .*{said}", letter.failure.detail), letter.failure.detail
    assert re.search(PLACE, letter.failure.detail)
    assert SECRET not in letter.failure.detail
    one, other = rows["default/note-a"], rows["default/note-b"]
    assert (one["id"], one["score"], [parked.version for parked in parked_in(one)]) == ("note-a", 1, [3])
    assert (other["score"], "_parked" in other) == (2, False)


def _not_fitting(row: Any) -> Any:
    return {**row, "score": str(row["score"])}


@pytest.mark.parametrize(("key", "end"), [("score", ": there is no key 'score'"), (SECRET, "")])
def test_a_missing_key_is_named_only_if_it_is_a_field_of_the_row(key: str, end: str) -> None:
    nothing: dict[str, int] = {}
    _, (letter,) = rows_and_letters(mistaken(lambda row: nothing[key]), commits_of(HISTORY))
    assert letter.failure.error == "KeyError"
    assert re.fullmatch(rf"raised at {PLACE}{end}", letter.failure.detail)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["note-a", "note-b"]),
            st.sampled_from([Written(text="x"), Scored(by=1), Scored(by=WRONG)]),
        ),
        max_size=12,
    ),
    st.lists(st.integers(0, 12), max_size=4),
)
def test_i8_wrong_rows_are_parked_alike_wherever_batches_are_cut(history: Any, cuts: list[int]) -> None:
    """Also where the next event would have made the row right again."""
    view = mistaken(_not_fitting)
    commits = commits_of([(stream, [event]) for stream, event in history])
    one_by_one, letters = rows_and_letters(view, commits, range(len(commits)))
    assert rows_and_letters(view, commits, cuts) == (one_by_one, letters)


def test_a_row_that_is_changed_in_place_is_a_changed_row() -> None:
    def change(row: Any) -> Any:
        row["text"] = "in place"
        row["score"] += 10
        return row

    def apply(id: str, row: Any, event: RecordedEvent) -> Any:
        return change(row) if event.payload == Scored(by=WRONG) else notes.view.apply(id, row, event)

    rows, letters = rows_and_letters(replace(notes.view, apply=apply), commits_of(HISTORY))
    assert (letters, rows["default/note-a"]["text"], rows["default/note-a"]["score"]) == ([], "in place", 12)


def test_an_event_that_fails_half_way_leaves_its_row_as_it_was() -> None:
    def apply(id: str, row: Any, event: RecordedEvent) -> Any:
        if event.payload == Scored(by=WRONG):
            row["text"] = "half-way"
            return row["no such field"]
        return notes.view.apply(id, row, event)

    rows, (letter,) = rows_and_letters(replace(notes.view, apply=apply), commits_of(HISTORY))
    assert fields(rows["default/note-a"])["text"] == "x"
    assert letter.failure.error == "KeyError"
    assert re.fullmatch(f"raised at {PLACE}", letter.failure.detail)


@pytest.mark.parametrize("cuts", [[], [1, 2, 3]], ids=["at once", "one by one"])
def test_what_a_row_holds_cannot_be_changed_in_place(cuts: list[int]) -> None:
    def apply(id: str, row: Any, event: RecordedEvent) -> Any:
        if event.payload == Scored(by=WRONG):
            row["folded"].append(0)
        return notes.view.apply(id, row, event)

    rows, (letter,) = rows_and_letters(replace(notes.view, apply=apply), commits_of(HISTORY), cuts)
    assert rows["default/note-a"]["folded"] == [1, 1]
    assert letter.failure.error == "read-only value"
    said = rf"changed a read-only value at {PLACE}: rows are read-only inside; return .* \{{\*\*row, .*"
    assert re.fullmatch(said, letter.failure.detail), letter.failure.detail


@pytest.mark.parametrize(
    ("mistake", "failure"),
    [
        (lambda event: sys.exit(SECRET), ("SystemExit", "raised at")),
        (
            lambda event: setattr(event.payload, "by", 7),
            ("read-only value", "changed a Scored at .*: events and commands cannot be changed"),
        ),
        (
            lambda event: Scored(by=SECRET),
            ("wrong value", "made a Scored that does not fit at .*: by: must be an integer$"),
        ),
    ],
)
@pytest.mark.parametrize("part", ["key", "apply"])
def test_what_a_fold_or_a_key_did_is_said_in_plain_words(mistake: Any, failure: Any, part: str) -> None:
    def key(event: RecordedEvent) -> Any:
        return mistake(event) if event.payload == Scored(by=WRONG) else (event.stream,)

    def apply(id: str, row: Any, event: RecordedEvent) -> Any:
        return mistake(event) if event.payload == Scored(by=WRONG) else notes.view.apply(id, row, event)

    view = replace(notes.view, key=key) if part == "key" else replace(notes.view, apply=apply)
    _, (letter,) = rows_and_letters(view, commits_of(HISTORY))
    assert letter.failure.error == failure[0]
    assert re.match(failure[1], letter.failure.detail), letter.failure.detail
    assert re.search(PLACE, letter.failure.detail)
    assert SECRET not in letter.failure.detail


@pytest.mark.parametrize("part", ["key", "apply"])
def test_a_view_whose_functions_take_other_arguments_is_refused(part: str) -> None:
    wrong: Any = lambda one, two: None  # noqa: E731
    with pytest.raises(DeclarationError, match=rf"{part} of view 'notes' must take \(.*event\).*{PLACE}"):
        replace(notes.view, key=wrong) if part == "key" else replace(notes.view, apply=wrong)


def test_a_failure_inside_a_library_names_the_users_line_and_class() -> None:
    def apply(id: str, row: Any, event: RecordedEvent) -> Any:
        if event.payload == Scored(by=WRONG):
            return Written.model_validate({"text": [SECRET]})
        return notes.view.apply(id, row, event)

    _, (letter,) = rows_and_letters(replace(notes.view, apply=apply), commits_of(HISTORY))
    assert letter.failure.error == "wrong value"
    said = f"made a Written that does not fit at {PLACE}: text: must be a text"
    assert re.fullmatch(said, letter.failure.detail), letter.failure.detail


def test_rows_of_older_code_are_folded_on_as_they_are() -> None:
    """While a view is built anew its old rows are kept up to date, and these may lack what is new."""
    commits = commits_of(HISTORY[:1])
    (touched,) = touches(notes.view, commits).values()
    row = Fold(notes.view, 1)(None, touched)
    assert row is not None
    older = {name: value for name, value in row.document.items() if name != "links"}
    older |= {"colour": "red", "text": 7, "_position": 0}
    after = Fold(notes.view, 1)(older, touched[1:])
    assert after is not None
    assert (after.letters, after.document["score"], after.document["colour"], after.document["text"]) == (
        [], 2, "red", 7,
    )  # fmt: skip
    assert "links" not in after.document


@pytest.mark.parametrize("name", ["key", "apply"])
def test_a_view_with_an_asynchronous_function_is_refused(name: str) -> None:
    changes: Any = {name: _coroutine}
    with pytest.raises(DeclarationError, match=f"{name} of view 'notes' is asynchronous; .* write `def`"):
        replace(notes.view, **changes)

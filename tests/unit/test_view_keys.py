"""What the key of a view returns is checked before it names rows."""

from __future__ import annotations

import re
from dataclasses import replace
from enum import StrEnum
from typing import Any

import pytest

from domain.kernel import RecordedEvent
from projections.folding.dead_letter_documents import Letter
from projections.folding.parking import MAX_ID_LENGTH
from tests.helpers import notes
from tests.helpers.notes import Scored, Written
from tests.helpers.parked_notes import rows_and_letters
from tests.helpers.poison_notes import commits_of

PLACE = r"tests/unit/test_view_keys\.py:\d+"


class Named(StrEnum):
    """An id that is an Enum's."""

    A = "note-a"


async def _no_ids() -> Any:
    return ()


def keyed(ids: Any) -> tuple[dict[str, Any], list[Letter]]:
    """The rows of a view whose key gives these ids for every score."""

    def key(event: RecordedEvent) -> Any:
        if not isinstance(event.payload, Scored):
            return (event.stream,)
        return ids() if callable(ids) else ids

    return rows_and_letters(
        replace(notes.view, key=key), commits_of([("note-a", [Written(text="x"), Scored(by=3)])])
    )


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        ("note-a", r"a text, whose characters would be the ids: .* as in \(event.stream,\)"),
        (Named.A, "a text, whose characters would be the ids"),
        ("", "a text"),
        (None, r"None: return a tuple of ids, \(\) where the event touches no row"),
        (7, "a value of class int"),
        (b"note-a", "a value of class bytes"),
        ([7], "an id of class int: an id is a text"),
        ([None], "an id of class NoneType"),
        ([b"note-a"], "an id of class bytes"),
        ([""], "an empty id"),
        (["note-a", ""], "an empty id"),
        (["a\0"], "an id with a NUL"),
        (["a\ud800"], "an id with a NUL or half of a surrogate pair"),
        (["x" * (MAX_ID_LENGTH + 1)], "an id of more than 1000 characters"),
        ([["note-a"]], "an id of class list"),
        (map(str, range(20_000)), "more than 10000 ids"),
        (_no_ids, "a coroutine"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_a6_wrong_ids_are_parked_alone(ids: Any, said: str) -> None:
    rows, (letter,) = keyed(ids)
    assert rows.keys() == {"default/note-a", "/default/note-a@2"}
    assert (letter.row, letter.failure.error) == (None, "wrong key")
    assert re.match(f"the key of notes returned {said}", letter.failure.detail), letter.failure.detail
    assert re.search(PLACE, letter.failure.detail)
    assert rows["default/note-a"]["score"] == 0


@pytest.mark.parametrize(
    "ids",
    [("note-a",), ["note-a"], {"note-a"}, {"note-a": 1}, iter(["note-a"]), [Named.A], ["note-a", "note-a"]],
)
def test_any_iterable_of_texts_is_ids(ids: Any) -> None:
    rows, letters = keyed(ids)
    assert (letters, list(rows), rows["default/note-a"]["score"]) == ([], ["default/note-a"], 3)


def test_letters_that_are_no_ascii_are_ids() -> None:
    rows, letters = keyed(["Prüfung ✓"])
    assert (letters, list(rows)) == ([], ["default/note-a"])

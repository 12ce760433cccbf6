"""What is told of each row to one who is told its last state alone."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstore.place import Place
from projections.live.latest_changes import LatestChanges
from projections.live.messages import ChangeKind, RowChange

PLACES = count(1)


def change(kind: str, *names: str, id: str = "x", unknown: bool = False) -> RowChange:
    place = Place(next(PLACES))
    row: dict[str, Any] | None = None if kind == "REMOVED" else {"id": id, "at": place.position}
    known = kind == "UPDATED" and not unknown
    return RowChange(ChangeKind(kind), id, row, names if known else None, place)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ([change("ADDED"), change("UPDATED", "a")], [("ADDED", None)]),
        ([change("UPDATED", "b"), change("UPDATED", "a", "b")], [("UPDATED", ("a", "b"))]),
        ([change("UPDATED", "b"), change("UPDATED", unknown=True)], [("UPDATED", None)]),
        ([change("UPDATED", "b"), change("REMOVED")], [("REMOVED", None)]),
        ([change("ADDED"), change("REMOVED")], []),
        ([change("REMOVED"), change("ADDED")], [("UPDATED", None)]),
        ([change("REMOVED"), change("ADDED"), change("REMOVED")], [("REMOVED", None)]),
    ],
)
def test_changes_of_a_row_are_one(changes: list[RowChange], told: list[Any]) -> None:
    latest = LatestChanges()
    for one in changes:
        latest.add(one)
    found = latest.take()
    assert [(one.kind.value, one.changed_fields) for one in found] == told
    assert all((one.row, one.place) == (changes[-1].row, changes[-1].place) for one in found)
    assert not latest.take()


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.booleans())), st.sets(st.sampled_from("abc"))
)
def test_who_is_told_the_last_states_holds_what_the_others_hold(
    steps: list[tuple[str, bool, bool]], held: set[str]
) -> None:
    latest = LatestChanges()
    every: dict[str, Any] = dict.fromkeys(held)
    last = dict(every)
    for key, removed, tell in steps:
        if removed and key not in every:
            continue
        one = change("REMOVED" if removed else "UPDATED" if key in every else "ADDED", "at", id=key)
        follow(every, one)
        latest.add(one)
        if tell:
            changes = latest.take()
            assert len({one.id for one in changes}) == len(changes)
            assert [one.place for one in changes] == sorted(one.place for one in changes)
            for one in changes:
                follow(last, one)
            assert last == every


def follow(rows: dict[str, Any], one: RowChange) -> None:
    assert (one.kind is ChangeKind.ADDED) == (one.id not in rows)
    if one.kind is ChangeKind.REMOVED:
        del rows[one.id]
    else:
        rows[one.id] = one.row

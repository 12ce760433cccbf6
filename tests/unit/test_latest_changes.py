"""Merging the changes of a row for a subscriber that receives only its latest state."""

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
    ("changes", "merged"),
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
def test_the_changes_of_a_row_are_merged(changes: list[RowChange], merged: list[Any]) -> None:
    latest = LatestChanges()
    for next_change in changes:
        latest.add(next_change)
    taken = latest.take()
    assert [(one.kind.value, one.changed_fields) for one in taken] == merged
    assert all((one.row, one.place) == (changes[-1].row, changes[-1].place) for one in taken)
    assert not latest.take()


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.booleans())), st.sets(st.sampled_from("abc"))
)
def test_a_subscriber_of_latest_states_has_the_same_rows_as_the_others(
    steps: list[tuple[str, bool, bool]], held: set[str]
) -> None:
    latest = LatestChanges()
    every: dict[str, Any] = dict.fromkeys(held)
    last = dict(every)
    for key, removed, deliver in steps:
        if removed and key not in every:
            continue
        next_change = change("REMOVED" if removed else "UPDATED" if key in every else "ADDED", "at", id=key)
        follow(every, next_change)
        latest.add(next_change)
        if deliver:
            changes = latest.take()
            assert len({one.id for one in changes}) == len(changes)
            assert [one.place for one in changes] == sorted(one.place for one in changes)
            for taken in changes:
                follow(last, taken)
            assert last == every


def follow(rows: dict[str, Any], next_change: RowChange) -> None:
    assert (next_change.kind is ChangeKind.ADDED) == (next_change.id not in rows)
    if next_change.kind is ChangeKind.REMOVED:
        del rows[next_change.id]
    else:
        rows[next_change.id] = next_change.row

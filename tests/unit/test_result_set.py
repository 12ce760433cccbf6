"""What a changed row means for a subscriber, whatever it has been told before."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from eventstore.place import Place
from projections.live.messages import ChangeKind, RowChange, RowDelta
from projections.live.result_set import MatchingRow, ResultSet
from projections.live.resume_state import ResumeState
from projections.querying.filters import Condition
from projections.storage.rows import Row, changed_fields, place

POSITIVE = Condition("score", "gt", 0)
AWAY = Place(4)


def row(
    position: int,
    score: int,
    *,
    created: int = 1,
    gone: bool = False,
    tenant: str = "default",
    id: str = "note-1",
) -> Row:
    own: dict[str, Any] = {"id": id} if gone else {"id": id, "score": score}
    return own | {
        "_tenant": tenant,
        "_gone": gone,
        "_position": position,
        "_place": 0,
        "_created": created,
    }


def held(*rows: Row, complete: bool = True, kept: int = 100) -> ResultSet:
    one = ResultSet("default", POSITIVE, kept)
    one.extend(map(MatchingRow.whole, rows), complete=complete)
    return one


def told(*changes: RowDelta | RowChange | None) -> list[tuple[str, tuple[str, ...] | None]]:
    plain = [one.change if isinstance(one, RowDelta) else one for one in changes if one is not None]
    return [(change.kind.value, change.changed_fields) for change in plain]


def test_a_row_enters_changes_and_leaves() -> None:
    some = held()
    assert told(some.apply(row(1, 0))) == []
    assert told(some.apply(row(2, 5))) == [("ADDED", None)]
    assert told(some.apply(row(3, 6))) == [("UPDATED", ("score",))]
    assert told(some.apply(row(4, 0))) == [("REMOVED", None)]
    assert told(some.apply(row(5, -1))) == []
    assert told(some.apply(row(6, 1))) == [("ADDED", None)]
    last = some.apply(row(7, 0, gone=True))
    assert last is not None
    assert last.change == RowChange(ChangeKind.REMOVED, "note-1", None, None, Place(7, 0))


def test_what_the_snapshot_held_already_is_not_told_again() -> None:
    some = held(row(5, 3))
    assert told(some.apply(row(4, 2))) == []
    assert told(some.apply(row(5, 3))) == []
    assert told(some.apply(row(6, 4))) == [("UPDATED", ("score",))]


def test_a_row_that_is_as_it_was_is_not_told_and_not_taken_for_an_older_one_after_that() -> None:
    some = held(row(5, 3))
    assert told(some.apply(row(6, 3))) == []
    assert told(some.apply(row(6, 4))) == []
    assert told(some.apply(row(7, 4))) == [("UPDATED", ("score",))]


def test_another_tenants_row_of_the_same_id_means_nothing() -> None:
    assert told(held(row(5, 3)).apply(row(6, 0, tenant="other"))) == []


def test_a_row_that_is_further_on_than_the_view_is_told_at_the_view_and_no_older_one_after_it() -> None:
    """The ring may still hold it."""
    some = held(row(4, 1))
    first = some.apply(row(9, 0), Place(6))
    assert told(first) == [("REMOVED", None)]
    assert first is not None
    assert first.change.place == Place(6)
    assert told(some.apply(row(7, 1))) == []
    assert told(some.apply(row(9, 0))) == []
    assert told(some.apply(row(10, 1))) == [("ADDED", None)]
    assert told(some.apply(row(11, 0))) == [("REMOVED", None)]


def test_a_row_that_came_to_be_beyond_what_the_view_holds_is_told_when_the_view_is_there() -> None:
    some = held()
    assert told(some.apply(row(8, 1, created=7), Place(6))) == []
    assert told(*ResumeState(AWAY).missed([row(8, 1, created=7)], AWAY, Place(6), some)) == []
    assert told(some.apply(row(8, 1, created=7))) == [("ADDED", None)]


def test_a_resumed_row_is_updated_where_the_subscriber_may_hold_it_and_added_where_it_cannot() -> None:
    def when(one: Row, after: Place = AWAY) -> list[tuple[str, tuple[str, ...] | None]]:
        return told(*ResumeState(after).missed([one], after, Place(6), held()))

    assert when(row(6, 1)) == [("UPDATED", None)]
    assert when(row(6, 1, created=5)) == [("ADDED", None)]
    assert when(row(6, 0)) == [("REMOVED", None)]
    assert when(row(6, 0, created=5)) == []
    assert when(row(4, 1)) == []
    assert when(row(6, 1, created=4)) == [("UPDATED", None)]
    assert when(row(6, 1, created=6), Place(6, -1)) == [("ADDED", None)]


def test_resumed_rows_come_in_the_order_of_their_places_and_none_beyond_the_view() -> None:
    rows = [row(9, 1, id="c"), row(6, 1, id="b"), row(5, 1, id="a")]
    changes = list(ResumeState(AWAY).missed(rows, AWAY, Place(7), held()))
    assert [(one.id, one.place) for one in changes] == [
        ("a", Place(5, 0)),
        ("b", Place(6, 0)),
        ("c", Place(7)),
    ]


def test_who_joins_is_told_the_rows_that_changed_last() -> None:
    some = held(row(5, 3, id="b"), row(4, 3, id="a"), complete=False)
    some.apply(row(6, 1, id="c"))
    joined = some.initial_rows(2)
    assert joined is not None
    assert [one["id"] for one in joined.rows] == ["c", "b"]
    assert some.initial_rows(4) is None, "there may be others"
    some.apply(row(7, 0, id="b"))
    joined = some.initial_rows(2)
    assert joined is not None
    assert [one["id"] for one in joined.rows] == ["c", "a"]


def test_who_joins_is_told_whether_there_are_other_rows() -> None:
    def has_more(some: ResultSet, first: int) -> bool:
        joined = some.initial_rows(first)
        assert joined is not None
        return joined.has_more

    rows = row(5, 3, id="b"), row(4, 3, id="a")
    assert [has_more(held(*rows, complete=True), first) for first in (0, 1, 2, 3)] == [
        True,
        True,
        False,
        False,
    ]
    assert has_more(held(*rows, complete=False), 2)
    assert not has_more(held(complete=True), 0)
    assert ResultSet("default", POSITIVE).initial_rows(0) is None, "nothing was read"


def test_beyond_some_rows_only_their_places_are_kept() -> None:
    some = held(*(row(9 - i, 1, id=f"note-{i}") for i in range(5)), kept=3)
    assert some.initial_rows(3) is not None
    assert some.initial_rows(4) is None
    assert told(some.apply(row(10, 2, id="note-4"))) == [("UPDATED", None)]
    assert told(some.apply(row(11, 3, id="note-4"))) == [("UPDATED", ("score",))]
    assert told(some.apply(row(12, 0, id="note-2"))) == [("REMOVED", None)]


def test_rows_made_anew_are_told_where_they_are_others() -> None:
    some = held(row(5, 3, id="a"), row(4, 3, id="b"), row(3, 3, id="c"))
    now = [row(5, 3, id="a"), row(4, 7, id="b"), row(2, 1, id="d"), row(3, 0, id="c")]
    changes = list(some.refresh(now, [], Place(9), complete=True))
    assert sorted((one.change.id, *told(one)[0]) for one in changes) == [
        ("b", "UPDATED", ("score",)),
        ("c", "REMOVED", None),
        ("d", "ADDED", None),
    ]
    assert {one.change.place for one in changes} == {Place(9)}
    assert told(some.apply(row(4, 7, id="b"))) == []


class RowClient:
    """Holds what it is told, and fails where it is told what cannot be."""

    def __init__(self, rows: Iterable[Row], since: int) -> None:
        self.rows = {row["id"]: row for row in rows}
        self.since = since

    def take(self, one: RowDelta) -> None:
        if not one.concerns(self.since) and one.change.kind is ChangeKind.REMOVED:
            assert one.change.id not in self.rows
            return
        change = (one if one.concerns(self.since) else one.as_added()).change
        before = self.rows.get(change.id)
        assert (before is None) == (change.kind is ChangeKind.ADDED)
        if change.kind is ChangeKind.REMOVED:
            del self.rows[change.id]
            return
        assert change.row is not None
        if change.changed_fields is not None:
            assert before is not None
            assert change.changed_fields == changed_fields(before, change.row) != ()
        self.rows[change.id] = change.row


IDS = [f"note-{i}" for i in range(6)]
STEPS = st.one_of(
    st.tuples(st.just("change"), st.sampled_from(IDS), st.integers(-1, 3)),
    st.tuples(st.just("join"), st.integers(0, 6), st.integers(1, 6)),
    st.tuples(st.just("resume"), st.integers(0, 60), st.none()),
)


@given(
    st.lists(st.tuples(st.sampled_from(IDS), st.integers(0, 3))),
    st.lists(STEPS, max_size=40),
    st.integers(2, 9),
)
def test_i10_whoever_joins_or_resumes_whenever_holds_what_is_right_and_is_told_no_state_twice(
    before: list[tuple[str, int]], steps: list[Any], kept: int
) -> None:
    """Many share one, of which not all is known; among them some that held everything until a place."""
    positions, created = count(1), dict[str, int]()
    truth: dict[str, Row] = {}

    def change(id: str, score: int) -> Row:
        position = next(positions)
        created.setdefault(id, position)
        truth[id] = row(position, score, created=created[id], id=id, gone=score < 0)
        history.append((position, dict(truth)))
        return truth[id]

    def matching(limit: int | None) -> list[Row]:
        rows = sorted(filter(some.matches, truth.values()), key=place, reverse=True)
        return rows[:limit]

    history: list[tuple[int, dict[str, Row]]] = [(0, {})]
    some, subscribers = ResultSet("default", POSITIVE, kept), list[RowClient]()
    for one in before:
        change(*one)
    some.extend(map(MatchingRow.whole, matching(2)), complete=len(matching(3)) <= 2)
    for what, which, value in steps:
        if what == "change":
            if which in truth and truth[which].get("score") == value:
                continue
            if (told := some.apply(change(which, value))) is not None:
                for subscriber in subscribers:
                    subscriber.take(told)
        elif what == "join":
            if (joined := some.initial_rows(which)) is None:
                some.extend(map(MatchingRow.whole, matching(which)), complete=len(matching(None)) <= which)
                joined = some.initial_rows(which)
            if joined is None:
                assert which > kept
                continue
            assert sorted(r["id"] for r in joined.rows) == sorted(r["id"] for r in matching(which))
            assert joined.has_more or len(matching(None)) <= which
            subscribers.append(RowClient(joined.rows, joined.min_rank))
        else:
            position, past = history[min(which, len(history) - 1)]
            found = (MatchingRow(one["id"], place(one), None) for one in matching(None))
            some.extend(found, complete=True)
            resumer = RowClient([one for one in past.values() if some.matches(one)], some.min_rank)
            changes = list(
                ResumeState(Place(position)).missed(truth.values(), Place(position), Place(10**6), some)
            )
            assert len({one.id for one in changes}) == len(changes)
            for missed in changes:
                assert missed.kind is not ChangeKind.ADDED or missed.id not in resumer.rows
                resumer.rows.pop(missed.id, None)
                if missed.kind is not ChangeKind.REMOVED:
                    assert missed.row is not None
                    resumer.rows[missed.id] = missed.row
            assert resumer.rows == {one["id"]: one for one in matching(None)}
            subscribers.append(resumer)
    for subscriber in subscribers:
        assert all(some.matches(truth[key]) for key in subscriber.rows)
        assert {key: one["score"] for key, one in subscriber.rows.items()} == {
            key: truth[key]["score"] for key in subscriber.rows
        }

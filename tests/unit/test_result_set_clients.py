"""Subscribers that join and resume at any time, with the rows that they have then."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from eventstore.place import Place
from projections.live.messages import ChangeKind, RowDelta
from projections.live.result_set import MatchingRow, ResultSet
from projections.live.resume_state import ResumeState
from projections.storage.rows import Row, changed_fields, place
from tests.helpers.row_scopes import ALL_ROWS
from tests.helpers.scored_rows import POSITIVE, row


class RowClient:
    """A subscriber's rows; a change that cannot be right fails the test."""

    def __init__(self, rows: Iterable[Row], min_rank: int) -> None:
        self.rows = {row["id"]: row for row in rows}
        self.min_rank = min_rank

    def apply(self, delta: RowDelta) -> None:
        concerned = delta.concerns(self.min_rank)
        if not concerned and delta.change.kind is ChangeKind.REMOVED:
            assert delta.change.id not in self.rows
            return
        change = (delta if concerned else delta.as_added()).change
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
def test_i10_a_subscriber_that_joins_or_resumes_at_any_time_has_the_right_rows_and_no_state_twice(
    before: list[tuple[str, int]], steps: list[Any], kept: int
) -> None:
    """Many subscribers share one set that is known in part; some resume with all rows up to a place."""
    positions, created = count(1), dict[str, int]()
    truth: dict[str, Row] = {}

    def change(id: str, score: int) -> Row:
        position = next(positions)
        created.setdefault(id, position)
        truth[id] = row(position, score, created=created[id], id=id, gone=score < 0)
        history.append((position, dict(truth)))
        return truth[id]

    def matching(limit: int | None) -> list[Row]:
        rows = sorted(filter(result_set.matches, truth.values()), key=place, reverse=True)
        return rows[:limit]

    history: list[tuple[int, dict[str, Row]]] = [(0, {})]
    result_set, subscribers = ResultSet(ALL_ROWS, POSITIVE, kept), list[RowClient]()
    for created_row in before:
        change(*created_row)
    result_set.extend(map(MatchingRow.whole, matching(2)), complete=len(matching(3)) <= 2)
    for what, which, value in steps:
        if what == "change":
            if which in truth and truth[which].get("score") == value:
                continue
            if (delta := result_set.apply(change(which, value))) is not None:
                for subscriber in subscribers:
                    subscriber.apply(delta)
        elif what == "join":
            if (joined := result_set.initial_rows(which)) is None:
                result_set.extend(
                    map(MatchingRow.whole, matching(which)), complete=len(matching(None)) <= which
                )
                joined = result_set.initial_rows(which)
            if joined is None:
                assert which > kept
                continue
            assert sorted(r["id"] for r in joined.rows) == sorted(r["id"] for r in matching(which))
            assert joined.has_more or len(matching(None)) <= which
            subscribers.append(RowClient(joined.rows, joined.min_rank))
        else:
            position, past = history[min(which, len(history) - 1)]
            matches = (MatchingRow(row["id"], place(row), None) for row in matching(None))
            result_set.extend(matches, complete=True)
            resumer = RowClient(
                [row for row in past.values() if result_set.matches(row)], result_set.min_rank
            )
            changes = list(
                ResumeState(Place(position)).missed(truth.values(), Place(position), Place(10**6), result_set)
            )
            assert len({change.id for change in changes}) == len(changes)
            for missed in changes:
                assert missed.kind is not ChangeKind.ADDED or missed.id not in resumer.rows
                resumer.rows.pop(missed.id, None)
                if missed.kind is not ChangeKind.REMOVED:
                    assert missed.row is not None
                    resumer.rows[missed.id] = missed.row
            assert resumer.rows == {row["id"]: row for row in matching(None)}
            subscribers.append(resumer)
    for subscriber in subscribers:
        assert all(result_set.matches(truth[key]) for key in subscriber.rows)
        assert {key: row["score"] for key, row in subscriber.rows.items()} == {
            key: truth[key]["score"] for key in subscriber.rows
        }

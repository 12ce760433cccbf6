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


class RowHistory:
    """Rows with all of their former states, and a result set of them that many subscribers share."""

    def __init__(self, kept: int) -> None:
        self.rows: dict[str, Row] = {}
        self.result_set = ResultSet(ALL_ROWS, POSITIVE, kept)
        self._kept = kept
        self._positions = count(1)
        self._created: dict[str, int] = {}
        self._states: list[tuple[int, dict[str, Row]]] = [(0, {})]

    def change(self, id: str, score: int) -> Row:
        position = next(self._positions)
        self._created.setdefault(id, position)
        self.rows[id] = row(position, score, created=self._created[id], id=id, gone=score < 0)
        self._states.append((position, dict(self.rows)))
        return self.rows[id]

    def matching(self, limit: int | None = None) -> list[Row]:
        rows = sorted(filter(self.result_set.matches, self.rows.values()), key=place, reverse=True)
        return rows[:limit]

    def extend(self, first: int) -> None:
        """Extend the result set to the first rows."""
        complete = len(self.matching()) <= first
        self.result_set.extend(map(MatchingRow.whole, self.matching(first)), complete=complete)

    def join(self, first: int) -> RowClient | None:
        """Return a new subscriber to the first rows; None if these are more than the result set keeps."""
        if (joined := self.result_set.initial_rows(first)) is None:
            self.extend(first)
            joined = self.result_set.initial_rows(first)
        if joined is None:
            assert first > self._kept
            return None
        assert sorted(r["id"] for r in joined.rows) == sorted(r["id"] for r in self.matching(first))
        assert joined.has_more or len(self.matching()) <= first
        return RowClient(joined.rows, joined.min_rank)

    def resume(self, state: int) -> RowClient:
        """Return a subscriber that had all rows of a former state and has received what it missed."""
        position, past = self._states[min(state, len(self._states) - 1)]
        matches = (MatchingRow(row["id"], place(row), None) for row in self.matching())
        self.result_set.extend(matches, complete=True)
        client = RowClient(filter(self.result_set.matches, past.values()), self.result_set.min_rank)
        place_before, now = Place(position), Place(10**6)
        changes = list(
            ResumeState(place_before).missed(self.rows.values(), place_before, now, self.result_set)
        )
        assert len({change.id for change in changes}) == len(changes)
        for missed in changes:
            assert missed.kind is not ChangeKind.ADDED or missed.id not in client.rows
            client.rows.pop(missed.id, None)
            if missed.kind is not ChangeKind.REMOVED:
                assert missed.row is not None
                client.rows[missed.id] = missed.row
        assert client.rows == {row["id"]: row for row in self.matching()}
        return client


@given(
    st.lists(st.tuples(st.sampled_from(IDS), st.integers(0, 3))),
    st.lists(STEPS, max_size=40),
    st.integers(2, 9),
)
def test_i10_a_subscriber_that_joins_or_resumes_at_any_time_has_the_right_rows_and_no_state_twice(
    before: list[tuple[str, int]], steps: list[Any], kept: int
) -> None:
    """Many subscribers share one set that is known in part; some resume with all rows up to a place."""
    history, subscribers = RowHistory(kept), list[RowClient]()
    for created_row in before:
        history.change(*created_row)
    history.extend(2)
    for what, which, value in steps:
        if what == "change":
            if which in history.rows and history.rows[which].get("score") == value:
                continue
            if (delta := history.result_set.apply(history.change(which, value))) is not None:
                for subscriber in subscribers:
                    subscriber.apply(delta)
        elif what == "join":
            if (joined := history.join(which)) is not None:
                subscribers.append(joined)
        else:
            subscribers.append(history.resume(which))
    for subscriber in subscribers:
        assert all(history.result_set.matches(history.rows[key]) for key in subscriber.rows)
        assert {key: row["score"] for key, row in subscriber.rows.items()} == {
            key: history.rows[key]["score"] for key in subscriber.rows
        }

"""What a changed row means for subscribers that joined at different times."""

from __future__ import annotations

from eventstore.place import Place
from projections.live.messages import ChangeKind, RowChange, RowDelta
from projections.live.result_set import MatchingRow, ResultSet
from projections.live.resume_state import ResumeState
from projections.querying.filters import FieldCondition
from projections.querying.row_scope import RowScope
from projections.storage.rows import Row
from tests.helpers.row_scopes import ALL_ROWS
from tests.helpers.scored_rows import POSITIVE, row

AWAY = Place(4)


def result_set_of(*rows: Row, complete: bool = True, kept: int = 100) -> ResultSet:
    result_set = ResultSet(ALL_ROWS, POSITIVE, kept)
    result_set.extend(map(MatchingRow.whole, rows), complete=complete)
    return result_set


def kinds(*changes: RowDelta | RowChange | None) -> list[tuple[str, tuple[str, ...] | None]]:
    plain = [
        change.change if isinstance(change, RowDelta) else change for change in changes if change is not None
    ]
    return [(change.kind.value, change.changed_fields) for change in plain]


def test_a_row_enters_changes_and_leaves() -> None:
    result_set = result_set_of()
    assert kinds(result_set.apply(row(1, 0))) == []
    assert kinds(result_set.apply(row(2, 5))) == [("ADDED", None)]
    assert kinds(result_set.apply(row(3, 6))) == [("UPDATED", ("score",))]
    assert kinds(result_set.apply(row(4, 0))) == [("REMOVED", None)]
    assert kinds(result_set.apply(row(5, -1))) == []
    assert kinds(result_set.apply(row(6, 1))) == [("ADDED", None)]
    last = result_set.apply(row(7, 0, gone=True))
    assert last is not None
    assert last.change == RowChange(ChangeKind.REMOVED, "note-1", None, None, Place(7, 0))


def test_a_change_has_the_command_that_changed_the_row_last() -> None:
    """Also if the row left the filter, or is gone; not if it is hidden."""

    def command_of(delta: RowDelta | None) -> str | None:
        assert delta is not None
        return delta.change.command_id

    result_set = result_set_of()
    assert command_of(result_set.apply(row(1, 5, command="a"))) == "a"
    assert command_of(result_set.apply(row(2, 6, command="b"))) == "b"
    assert command_of(result_set.apply(row(3, 7))) is None
    assert command_of(result_set.apply(row(4, 0, command="c"))) == "c"
    result_set.apply(row(5, 1, command="d"))
    assert command_of(result_set.apply(row(6, 0, gone=True, command="e"))) == "e"
    (missed,) = ResumeState(AWAY).missed([row(6, 1, command="f")], AWAY, Place(6), result_set_of())
    assert missed.command_id == "f"
    mine = ResultSet(RowScope("default", FieldCondition("score", "lt", 9)), POSITIVE)
    mine.apply(row(1, 5, command="a"))
    assert command_of(mine.apply(row(2, 10, command="b"))) is None


def test_a_state_of_the_snapshot_is_not_published_again() -> None:
    result_set = result_set_of(row(5, 3))
    assert kinds(result_set.apply(row(4, 2))) == []
    assert kinds(result_set.apply(row(5, 3))) == []
    assert kinds(result_set.apply(row(6, 4))) == [("UPDATED", ("score",))]


def test_an_equal_state_is_not_published_and_an_earlier_one_after_it_is_ignored() -> None:
    result_set = result_set_of(row(5, 3))
    assert kinds(result_set.apply(row(6, 3))) == []
    assert kinds(result_set.apply(row(6, 4))) == []
    assert kinds(result_set.apply(row(7, 4))) == [("UPDATED", ("score",))]


def test_a_row_of_another_tenant_with_the_same_id_is_ignored() -> None:
    assert kinds(result_set_of(row(5, 3)).apply(row(6, 0, tenant="other"))) == []


def test_a_row_ahead_of_the_view_is_published_at_the_views_place_and_no_older_state_after_it() -> None:
    """The ring of the tail may still contain it."""
    result_set = result_set_of(row(4, 1))
    first = result_set.apply(row(9, 0), Place(6))
    assert kinds(first) == [("REMOVED", None)]
    assert first is not None
    assert first.change.place == Place(6)
    assert kinds(result_set.apply(row(7, 1))) == []
    assert kinds(result_set.apply(row(9, 0))) == []
    assert kinds(result_set.apply(row(10, 1))) == [("ADDED", None)]
    assert kinds(result_set.apply(row(11, 0))) == [("REMOVED", None)]


def test_a_row_created_beyond_the_views_place_is_published_when_the_view_is_there() -> None:
    result_set = result_set_of()
    assert kinds(result_set.apply(row(8, 1, created=7), Place(6))) == []
    assert kinds(*ResumeState(AWAY).missed([row(8, 1, created=7)], AWAY, Place(6), result_set)) == []
    assert kinds(result_set.apply(row(8, 1, created=7))) == [("ADDED", None)]


def test_a_missed_row_is_updated_if_the_subscriber_may_have_it_and_added_if_it_cannot() -> None:
    def missed(changed: Row, after: Place = AWAY) -> list[tuple[str, tuple[str, ...] | None]]:
        return kinds(*ResumeState(after).missed([changed], after, Place(6), result_set_of()))

    assert missed(row(6, 1)) == [("UPDATED", None)]
    assert missed(row(6, 1, created=5)) == [("ADDED", None)]
    assert missed(row(6, 0)) == [("REMOVED", None)]
    assert missed(row(6, 0, created=5)) == []
    assert missed(row(4, 1)) == []
    assert missed(row(6, 1, created=4)) == [("UPDATED", None)]
    assert missed(row(6, 1, created=6), Place(6, -1)) == [("ADDED", None)]


def test_missed_rows_come_in_the_order_of_their_places_and_none_beyond_the_view() -> None:
    rows = [row(9, 1, id="c"), row(6, 1, id="b"), row(5, 1, id="a")]
    changes = list(ResumeState(AWAY).missed(rows, AWAY, Place(7), result_set_of()))
    assert [(change.id, change.place) for change in changes] == [
        ("a", Place(5, 0)),
        ("b", Place(6, 0)),
        ("c", Place(7)),
    ]


def test_a_new_subscriber_receives_the_rows_that_changed_last() -> None:
    result_set = result_set_of(row(5, 3, id="b"), row(4, 3, id="a"), complete=False)
    result_set.apply(row(6, 1, id="c"))
    joined = result_set.initial_rows(2)
    assert joined is not None
    assert [row["id"] for row in joined.rows] == ["c", "b"]
    assert result_set.initial_rows(4) is None, "there may be others"
    result_set.apply(row(7, 0, id="b"))
    joined = result_set.initial_rows(2)
    assert joined is not None
    assert [row["id"] for row in joined.rows] == ["c", "a"]


def test_a_new_subscriber_learns_whether_there_are_other_rows() -> None:
    def has_more(result_set: ResultSet, first: int) -> bool:
        joined = result_set.initial_rows(first)
        assert joined is not None
        return joined.has_more

    rows = row(5, 3, id="b"), row(4, 3, id="a")
    assert [has_more(result_set_of(*rows, complete=True), first) for first in (0, 1, 2, 3)] == [
        True,
        True,
        False,
        False,
    ]
    assert has_more(result_set_of(*rows, complete=False), 2)
    assert not has_more(result_set_of(complete=True), 0)
    assert ResultSet(ALL_ROWS, POSITIVE).initial_rows(0) is None, "nothing was read"


def test_of_rows_beyond_the_limit_only_places_are_kept() -> None:
    result_set = result_set_of(*(row(9 - i, 1, id=f"note-{i}") for i in range(5)), kept=3)
    assert result_set.initial_rows(3) is not None
    assert result_set.initial_rows(4) is None
    assert kinds(result_set.apply(row(10, 2, id="note-4"))) == [("UPDATED", None)]
    assert kinds(result_set.apply(row(11, 3, id="note-4"))) == [("UPDATED", ("score",))]
    assert kinds(result_set.apply(row(12, 0, id="note-2"))) == [("REMOVED", None)]


def test_a_rebuild_publishes_the_rows_that_differ() -> None:
    result_set = result_set_of(row(5, 3, id="a"), row(4, 3, id="b"), row(3, 3, id="c"))
    now = [row(5, 3, id="a"), row(4, 7, id="b"), row(2, 1, id="d"), row(3, 0, id="c")]
    changes = list(result_set.refresh(now, [], Place(9), complete=True))
    assert sorted((delta.change.id, *kinds(delta)[0]) for delta in changes) == [
        ("b", "UPDATED", ("score",)),
        ("c", "REMOVED", None),
        ("d", "ADDED", None),
    ]
    assert {delta.change.place for delta in changes} == {Place(9)}
    assert kinds(result_set.apply(row(4, 7, id="b"))) == []

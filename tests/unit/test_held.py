"""What a changed row means for a subscriber, whatever it has been told before."""

from __future__ import annotations

from typing import Any

from projections.querying.filters import Condition
from projections.rows import Row
from projections.watching.held import Changed, ChangeKind, Held
from subscriptions.messages import Place

POSITIVE = Condition("score", "gt", 0)


def row(position: int, score: int, *, created: int = 1, gone: bool = False, tenant: str = "default") -> Row:
    own: dict[str, Any] = {"id": "note-1"} if gone else {"id": "note-1", "score": score}
    return own | {
        "_tenant": tenant,
        "_gone": gone,
        "_position": position,
        "_place": 0,
        "_created": created,
    }


def told(changes: Any) -> list[tuple[str, tuple[str, ...] | None]]:
    return [(change.kind.value, change.changed_fields) for change in changes]


def test_a_row_enters_changes_and_leaves() -> None:
    held = Held("default", POSITIVE, [])
    assert told(held.take(row(1, 0))) == []
    assert told(held.take(row(2, 5))) == [("ADDED", None)]
    assert told(held.take(row(3, 6))) == [("UPDATED", ("score",))]
    assert told(held.take(row(4, 0))) == [("REMOVED", None)]
    assert told(held.take(row(5, -1))) == []
    assert told(held.take(row(6, 1))) == [("ADDED", None)]
    assert list(held.take(row(7, 0, gone=True))) == [
        Changed(ChangeKind.REMOVED, "note-1", None, None, Place(7, 0))
    ]


def test_what_the_snapshot_held_already_is_not_told_again() -> None:
    held = Held("default", POSITIVE, [row(5, 3)])
    assert told(held.take(row(4, 2))) == []
    assert told(held.take(row(5, 3))) == []
    assert told(held.take(row(6, 4))) == [("UPDATED", ("score",))]


def test_another_tenants_row_of_the_same_id_means_nothing() -> None:
    held = Held("default", POSITIVE, [row(5, 3)])
    assert told(held.take(row(6, 0, tenant="other"))) == []


def test_after_a_resume_an_older_state_of_a_row_that_was_told_means_nothing() -> None:
    """The ring may still hold it."""
    held = Held("default", POSITIVE, [])
    assert told(held.resume(row(9, 0), Place(4), Place(6))) == [("REMOVED", None)]
    assert told(held.take(row(7, 1))) == []
    assert told(held.take(row(9, 0))) == []
    assert told(held.take(row(10, 1))) == [("ADDED", None)]
    assert told(held.take(row(11, 0))) == [("REMOVED", None)]


def test_a_resumed_row_is_updated_where_the_subscriber_may_hold_it_and_added_where_it_cannot() -> None:
    assert told(Held("default", POSITIVE, []).resume(row(6, 1), Place(4), Place(6))) == [("UPDATED", None)]
    assert told(Held("default", POSITIVE, []).resume(row(6, 1, created=5), Place(4), Place(6))) == [
        ("ADDED", None)
    ]
    assert told(Held("default", POSITIVE, []).resume(row(6, 0, created=5), Place(4), Place(6))) == []
    assert told(Held("default", POSITIVE, []).resume(row(4, 1), Place(4), Place(6))) == []


def test_a_row_that_came_to_be_beyond_what_the_view_holds_is_told_when_the_view_is_there() -> None:
    held = Held("default", POSITIVE, [])
    assert told(held.resume(row(8, 1, created=7), Place(4), Place(6))) == []
    assert told(held.take(row(8, 1, created=7))) == [("ADDED", None)]


def test_a_row_that_comes_twice_while_resuming_ends_as_it_is() -> None:
    held = Held("default", POSITIVE, [])
    assert told(held.resume(row(5, 1, created=5), Place(4), Place(9))) == [("ADDED", None)]
    assert told(held.resume(row(7, 0, created=5), Place(4), Place(9))) == [("REMOVED", None)]

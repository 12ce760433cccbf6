"""Rows that change during a read."""

from __future__ import annotations

import gc

from projections.live.recent_changes import RecentChanges
from projections.storage.rows import Row


def row(name: str, position: int, tenant: str = "one") -> Row:
    where = {"_position": position, "_place": 0, "_tenant": tenant}
    return {"_id": f"{tenant}/{name}", "id": name, **where}


def test_a_read_state_counts_only_if_no_equal_or_later_one_was_published() -> None:
    """Otherwise a removed row would come back in an earlier state."""
    recent = RecentChanges()
    mark = recent.mark()
    recent.add(row("a", 5))
    recent.add(row("b", 5))
    recent.add(row("c", 5, "two"))
    read = [row("a", 4), row("b", 6), row("c", 4), row("d", 1)]
    assert [one["id"] for one in recent.newer(read, mark, "one")] == ["b", "c", "d"]
    assert [one["id"] for one in recent.newer([row("a", 5)], mark, "one")] == []


def test_each_mark_leads_to_the_last_states_of_rows_that_changed_after_it() -> None:
    recent = RecentChanges()
    early = recent.mark()
    recent.add(row("a", 1))
    late = recent.mark()
    recent.add(row("b", 2))
    recent.add(row("b", 3))
    assert recent.since(early, "one") == {"a": row("a", 1), "b": row("b", 3)}
    assert recent.since(late, "one") == {"b": row("b", 3)}


def test_without_a_mark_nothing_is_kept() -> None:
    recent = RecentChanges()
    mark = recent.mark()
    recent.add(row("a", 1))
    del mark
    gc.collect()
    recent.add(row("b", 2))
    assert recent.since(recent.mark(), "one") == {}

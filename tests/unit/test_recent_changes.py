"""What is remembered of rows that change while somebody reads."""

from __future__ import annotations

import gc

from projections.live.recent_changes import RecentChanges
from projections.storage.rows import Row


def row(name: str, position: int, tenant: str = "one") -> Row:
    where = {"_position": position, "_place": 0, "_tenant": tenant}
    return {"_id": f"{tenant}/{name}", "id": name, **where}


def test_a_state_that_was_read_counts_only_where_none_as_late_was_told_since() -> None:
    """Else a row that has left would come back as it was before."""
    recent = RecentChanges()
    mark = recent.mark()
    recent.add(row("a", 5))
    recent.add(row("b", 5))
    recent.add(row("c", 5, "two"))
    read = [row("a", 4), row("b", 6), row("c", 4), row("d", 1)]
    assert [one["id"] for one in recent.newer(read, mark, "one")] == ["b", "c", "d"]
    assert [one["id"] for one in recent.newer([row("a", 5)], mark, "one")] == []


def test_each_reads_what_changed_since_its_own_mark_in_its_last_state() -> None:
    recent = RecentChanges()
    early = recent.mark()
    recent.add(row("a", 1))
    late = recent.mark()
    recent.add(row("b", 2))
    recent.add(row("b", 3))
    assert recent.since(early, "one") == {"a": row("a", 1), "b": row("b", 3)}
    assert recent.since(late, "one") == {"b": row("b", 3)}


def test_nothing_is_kept_where_nobody_reads() -> None:
    recent = RecentChanges()
    mark = recent.mark()
    recent.add(row("a", 1))
    del mark
    gc.collect()
    recent.add(row("b", 2))
    assert recent.since(recent.mark(), "one") == {}

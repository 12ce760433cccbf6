"""The spans of commits are stored with them, and read by position."""

from __future__ import annotations

from eventstore.reading.commit_spans import CommitSpans
from tests.helpers.commits import Store, commit


async def test_spans_are_read_by_position(store: Store) -> None:
    """A commit without one, and a position without a commit, are left out."""
    span = b"s" * 25
    traced = await store.log.append(commit("note-1", span=span))
    plain = await store.log.append(commit("note-2"))
    positions = [traced.position, plain.position, 1_000]
    assert await CommitSpans(store.database).read(positions) == {traced.position: span}
    infos = [each.info for each in await store.everything()]
    assert [info.span for info in infos if info is not None] == [span, None]

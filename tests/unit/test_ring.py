"""The ring hands out what it was given: nothing lost, nothing twice, positions whole."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from subscriptions.feed.tail import TailReader, TailRing


class Numbered:
    """Items are (position, name)."""

    async def head(self) -> int:
        raise NotImplementedError

    def reader(self) -> TailReader[tuple[int, int]]:
        raise NotImplementedError

    def position(self, item: tuple[int, int]) -> int:
        return item[0]

    def erasure(self, items: Sequence[tuple[int, int]]) -> int:
        return 0

    def edition(self) -> int:
        return 0


@given(
    st.lists(st.lists(st.integers(0, 3), max_size=4), max_size=8),
    st.integers(1, 12),
    st.integers(1, 5),
    st.integers(0, 40),
)
def test_any_cursor_within_the_ring_gets_all_that_follows_in_whole_positions(
    pushed: list[list[int]], size: int, limit: int, cursor: int
) -> None:
    """`pushed`: for each push, for each position, how many items have it."""
    ring = TailRing(Numbered(), 10, size)
    everything: list[tuple[int, int]] = []
    end = 10
    for counts in pushed:
        items = [(end + i, n) for i, count in enumerate(counts, 1) for n in range(count)]
        end += len(counts)
        everything += items
        ring.push(items, end)
    assert ring.end == end
    kept = [item for item in everything if item[0] > ring.start]
    assert len(kept) <= max(size, 0)
    position = ring.start + cursor
    seen: list[tuple[int, int]] = []
    expected = [item for item in everything if item[0] > position]
    while position < end:
        items_, reached = ring.after(position, limit)
        assert reached > position
        assert {item[0] for item in items_} <= set(range(position + 1, reached + 1))
        seen += items_
        position = reached
    assert seen == expected
    assert ring.after(position, limit) == ([], position)


def test_a_ring_that_forgot_has_nothing_and_goes_on_where_it_was() -> None:
    ring = TailRing(Numbered(), 0, 10)
    ring.push([(1, 0), (2, 0)], 2)
    ring.forget()
    assert (ring.start, ring.end) == (2, 2)
    ring.push([(3, 0)], 3)
    assert ring.after(2, 10) == ([(3, 0)], 3)

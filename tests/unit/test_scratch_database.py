"""Maps and sets on disk behave as those in memory."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.fleet.scratch_database import ScratchDatabase
from domain.kernel.errors import Unavailable

KEYS = st.sampled_from(("a", "b", 'a","b', ("a", "b"), ("a", None), 7, "7", "ä\0"))


@settings(max_examples=30)
@given(operations=st.lists(st.tuples(KEYS, st.integers() | st.text() | st.lists(st.none(), max_size=2))))
def test_a_map_returns_the_last_value_of_each_key(operations: list[tuple[str, object]]) -> None:
    """Equal texts in other places of a key are other keys."""
    stored, expected = ScratchDatabase().create_map(), dict[str, object]()
    for key, value in operations:
        if isinstance(value, int):
            value %= 2**63
        stored[key] = expected[key] = value
    assert {key: stored.get(key) for key in expected} == expected
    assert stored.get("another") is None


@settings(max_examples=30)
@given(keys=st.lists(KEYS))
def test_a_set_has_each_key_once(keys: list[str]) -> None:
    database = ScratchDatabase()
    stored, other = database.create_set(), database.create_set()
    known: set[str] = set()
    for key in keys:
        assert stored.add(key) == (key not in known)
        known.add(key)
        assert key in stored
    assert len(stored) == len(known)
    assert "another" not in stored
    assert not other
    assert set(map(str, stored)) == {str(list(key) if isinstance(key, tuple) else key) for key in known}
    database.close()


def test_a_full_disk_is_an_error_that_says_what_to_do() -> None:
    database = ScratchDatabase()
    database.execute("PRAGMA max_page_count = 10")
    stored = database.create_map()
    with pytest.raises(Unavailable, match="disk is full; free space"):
        stored["a"] = "x" * 1_000_000


def test_a_disk_that_fails_while_rows_are_fetched_is_an_error_that_says_what_to_do() -> None:
    """A number that overflows in the second row stands for it."""
    rows = ScratchDatabase().select("SELECT abs(value) FROM json_each('[-1, -9223372036854775808]')")
    with pytest.raises(Unavailable, match="free space"):
        list(rows)

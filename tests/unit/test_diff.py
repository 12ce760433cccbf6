"""The difference of two JSON values is a JSON Patch that leads from the one to the other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstore.history.diff import Operation, ValueChange, diff
from eventstore.history.state_json import state_json

ADD, REMOVE, REPLACE = Operation

SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2) | st.text("ab~/", max_size=3)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=6) | st.dictionaries(st.text("ab~/0", max_size=2), inner, max_size=4)
    ),
    max_leaves=12,
)


def applied(changes: list[ValueChange], value: Any) -> Any:
    """The value after the changes, by somebody else's reading of RFC 6902."""
    steps = [
        {"op": one.operation.value, "path": one.path}
        | ({} if one.operation is REMOVE else {"value": one.after})
        for one in changes
    ]
    return jsonpatch.apply_patch(value, steps)


def identical(one: Any, other: Any) -> bool:
    """Equal as JSON: true is not 1, 1 is 1.0."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(identical(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(identical, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and one == other


@given(VALUES, VALUES)
def test_a_value_with_its_difference_applied_is_the_other(before: Any, after: Any) -> None:
    changes = diff(before, after)
    assert identical(applied(changes, before), after)
    assert (changes == []) == identical(before, after)


def test_long_lists_are_compared_item_by_item() -> None:
    """A search for equal runs in lists of few different values would block the process for minutes."""
    before, after = [0] * 20_000, [*[0] * 10_000, 1, *[0] * 9_000]
    changes = diff(before, after)
    assert applied(changes, before) == after
    assert len(changes) == 1_000


@given(VALUES, VALUES)
def test_what_was_before_is_what_a_step_finds_at_its_path(before: Any, after: Any) -> None:
    value = before
    for change in diff(before, after):
        if change.operation is not ADD:
            assert identical(jsonpatch.JsonPointer(change.path).resolve(value), change.before)
        value = applied([change], value)


@given(VALUES)
def test_a_value_does_not_differ_from_itself(value: Any) -> None:
    assert diff(value, value) == []


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ({"a": 1}, {"a": 2}, [(REPLACE, "/a", 1, 2)]),
        ({"a": {"b": {"c": 1}}}, {"a": {"b": {}}}, [(REMOVE, "/a/b/c", 1, None)]),
        ({}, {"a/b": None}, [(ADD, "/a~1b", None, None)]),
        ([1, 2, 3], [2, 3], [(REMOVE, "/0", 1, None)]),
        ([1, 2, 3], [1, 9, 2, 3], [(ADD, "/1", None, 9)]),
        ([{"n": 1}, 2, 3], [{"n": 5}, 2, 4], [(REPLACE, "/0/n", 1, 5), (REPLACE, "/2", 3, 4)]),
        ([1, 2, 3], [3], [(REMOVE, "/0", 1, None), (REMOVE, "/0", 2, None)]),
        (["a", "b", "c"], ["b", "d"], [(REMOVE, "/0", "a", None), (REPLACE, "/1", "c", "d")]),
        (1, True, [(REPLACE, "", 1, True)]),
        ({"a": 1}, {"a": 1.0}, []),
        ({"a": {}}, {"a": []}, [(REPLACE, "/a", {}, [])]),
    ],
)
def test_differences_as_a_person_would_tell_them(before: Any, after: Any, changes: list[ValueChange]) -> None:
    assert diff(before, after) == changes


class Colour(StrEnum):
    RED = "RED"


@dataclass(frozen=True)
class State:
    colour: Colour
    at: datetime
    done: frozenset[tuple[str, str]]
    parts: dict[str, tuple[int, ...]]
    _own: int = 1


def test_equal_states_are_equal_json() -> None:
    """Also over processes, in which sets come in other orders."""
    state = State(
        Colour.RED, datetime(2024, 1, 1, tzinfo=UTC), frozenset({("b", "2"), ("a", "1")}), {"x": (1,)}
    )
    assert state_json(state) == {
        "colour": "RED",
        "at": "2024-01-01T00:00:00.000Z",
        "done": [["a", "1"], ["b", "2"]],
        "parts": {"x": [1]},
    }

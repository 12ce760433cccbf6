"""JSON with too many values is refused before it is parsed, and no other."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.limits import json_limits
from api.limits.json_limits import MAX_JSON_VALUES, check_json_size
from domain.kernel.limit_errors import TooComplex

MANY = MAX_JSON_VALUES + 2


@pytest.mark.parametrize(
    "value",
    [
        {f"{n:x}": 1 for n in range(MANY)},
        {f'"{n}\\': "\\" for n in range(MANY)},
        [f"task-{n}" for n in range(2 * MANY)],
        [1] * MANY,
        [[]] * MANY,
        [{"a": [1]}] * MANY,
    ],
    ids=["members", "quotes", "texts", "numbers", "containers", "nested"],
)
def test_too_many_values_are_refused(value: object) -> None:
    with pytest.raises(TooComplex, match="send fewer at a time"):
        check_json_size(orjson.dumps({"query": "{ __typename }", "variables": {"value": value}}))


@pytest.mark.parametrize("text", [",", "[", "{", '",', "\\,", '\\",', "[]{},:"], ids=repr)
def test_a_long_text_is_one_value(text: str) -> None:
    """Whatever it contains."""
    body = orjson.dumps({"query": "{ __typename }", "variables": {"text": text * 2 * MANY}})
    check_json_size(body)
    check_json_size(bytearray(body))


def _count(value: object) -> int:
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return sum(1 + _count(member) for member in members)


texts = st.text(alphabet='ab,[{"\\ }]:')
values = st.recursive(
    st.none() | st.integers(-9, 9) | texts,
    lambda inner: st.lists(inner, max_size=9) | st.dictionaries(texts, inner, max_size=9),
    max_leaves=40,
)


@given(value=values, most=st.integers(1, 30))
def test_what_is_refused_has_too_many_values(value: object, most: int) -> None:
    """The whole text counts as one. And what passes has at most twice as many, for any JSON."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_limits, "MAX_JSON_VALUES", most)
        patch.setattr(json_limits, "SMALL", 0)
        try:
            check_json_size(orjson.dumps(value))
        except TooComplex:
            assert 1 + _count(value) > most
        else:
            assert _count(value) <= 2 * most


@given(text=st.binary())
def test_no_text_fails(text: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_limits, "SMALL", 0)
        check_json_size(text)


def test_the_limit_of_a_small_text() -> None:
    """A text that is not looked at cannot have too many values."""
    assert orjson.dumps([1] * MAX_JSON_VALUES).count(b",") * 2 < json_limits.SMALL + 1

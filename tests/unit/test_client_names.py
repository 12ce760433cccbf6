"""Names of fields and views as clients have them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strawberry.utils.str_converters import to_camel_case

from domain.kernel.names import client_name


@given(st.from_regex(r"[A-Za-z0-9_]{1,12}", fullmatch=True))
def test_names_are_those_of_the_graphql_schema(name: str) -> None:
    assert client_name(name) == to_camel_case(name)


@pytest.mark.parametrize(
    ("name", "client"), [("task_days", "taskDays"), ("class_", "class_"), ("a__b", "a_B"), ("x_1", "x1")]
)
def test_underscores_without_a_word_behind_them_stay(name: str, client: str) -> None:
    assert client_name(name) == client

"""Events read back from the log: as pydantic would make them, only faster."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from domain.kernel import Event


class Sampled(Event, type="test.sampled"):
    """One field of each kind."""

    name: str
    size: int
    note: str | None = None
    count: int = 3
    tags: list[str] = []  # noqa: RUF012 (what pydantic copies for each event)
    marks: dict[str, int] = Field(default_factory=dict)


ANYTHING = st.none() | st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2)
NAMES = st.sampled_from([*Sampled.model_fields, "unknown"])


@given(st.dictionaries(NAMES, ANYTHING))
def test_an_event_from_stored_data_is_the_one_that_pydantic_makes_without_validation(
    data: dict[str, Any],
) -> None:
    event, expected = Sampled.from_data(data), Sampled.model_construct(**data)
    assert list(vars(event).items()) == list(vars(expected).items())
    assert event.model_fields_set == expected.model_fields_set
    assert event == expected
    assert event.model_copy() == expected


def test_what_one_event_has_by_default_is_not_anothers() -> None:
    data = {"name": "a", "size": 1}
    first, second = Sampled.from_data(data), Sampled.from_data(data)
    assert isinstance(first, Sampled)
    assert isinstance(second, Sampled)
    assert first.tags is not second.tags
    assert first.marks is not second.marks

"""Events as they are stored, and read back: as pydantic would make them, only faster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from domain.kernel import Aggregate, Catalog, Cause, Context, CreateCommand, Event, Facts, Json, Unreadable
from domain.kernel.errors import UnfitValue


class Sampled(Event, type="test.sampled"):
    """One field of each kind."""

    name: str
    size: int
    note: str | None = None
    count: int = 3
    tags: list[str] = []  # noqa: RUF012 (what pydantic copies for each event)
    marks: dict[str, int] = Field(default_factory=dict)


class Scored(Event, type="test.scored"):
    """Fields of which pydantic checks all that can be stored."""

    name: str
    note: str | None = None
    is_open: bool = False
    seal: bytes = b""
    state: Literal["new", "old"] = "new"
    extra: Json = None


class Sample(CreateCommand):
    """Take a sample."""


@dataclass(frozen=True, slots=True)
class Samples(Aggregate[Sample, Sampled]):
    category: ClassVar[str] = "sample"

    def decide(self, command: Sample, facts: Facts) -> Sequence[Sampled]:
        return [Sampled(name="a", size=1)]

    def evolve(self, event: Sampled) -> Samples:
        return self


ANYTHING = st.none() | st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2)
REQUIRED = {"name": st.text(max_size=3), "size": st.integers()}
OTHERS = dict.fromkeys(("note", "count", "tags", "marks", "unknown"), ANYTHING)


@given(st.fixed_dictionaries(REQUIRED, optional=OTHERS))
def test_an_event_from_stored_data_is_the_one_that_pydantic_makes_without_validation(
    data: dict[str, Any],
) -> None:
    event, expected = Sampled.from_data(data), Sampled.model_construct(**data)
    assert list(vars(event).items()) == list(vars(expected).items())
    assert event.model_fields_set == expected.model_fields_set
    assert event == expected
    assert event.model_copy() == expected


def test_data_that_lacks_a_field_is_no_event_without_it() -> None:
    with pytest.raises(UnfitValue, match=r"^Sampled\.size: what is stored lacks the field"):
        Sampled.from_data({"name": "a"})
    catalog = Catalog([Context("samples", Samples)])
    revision, data, payload, unreadable = catalog.read("test.sampled", 1, {"name": "a"})
    assert (revision, data, payload) == (1, {"name": "a"}, None)
    assert unreadable == Unreadable(Cause.DOES_NOT_FIT, "Sampled.size: what is stored lacks the field")


def test_what_one_event_has_by_default_is_not_anothers() -> None:
    data = {"name": "a", "size": 1}
    first, second = Sampled.from_data(data), Sampled.from_data(data)
    assert isinstance(first, Sampled)
    assert isinstance(second, Sampled)
    assert first.tags is not second.tags
    assert first.marks is not second.marks


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("name", b"a", "expected a text, not a value of class bytes"),
        ("name", 5, "expected a text, not a value of class int"),
        ("name", None, "expected a text, not a value of class NoneType"),
        ("note", ["a"], "expected a text, not a value of class list"),
        ("is_open", "yes", "expected true or false, not a value of class str"),
        ("seal", "text", "expected bytes, not a value of class str"),
        ("state", "typo", "expected one of 'new', 'old'"),
        ("extra", {"now": float("inf")}, ""),
    ],
)
def test_a_copy_that_pydantic_did_not_validate_is_not_stored(name: str, value: Any, reason: str) -> None:
    event = Scored(name="a").model_copy(update={name: value})
    with pytest.raises(UnfitValue, match=f"^Scored\\.{name}.*{reason}"):
        event.to_data()

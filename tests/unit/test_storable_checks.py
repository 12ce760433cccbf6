"""A command is refused exactly where encoding one of its values would fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, TypeAdapter, ValidationError, create_model

from domain.kernel import Json
from domain.kernel.errors import UnfitValue
from domain.kernel.types.annotations import field_type
from domain.kernel.types.storable_checks import model_check, storable_check
from domain.kernel.types.stored_values import encoder
from tests.helpers.declared_types import declared_types


@dataclass(frozen=True)
class Weight:
    grams: int


SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(st.characters(), max_size=3) | st.just("\ud800"),
    Annotated[str, Field(max_length=3)]: st.text(st.characters(), max_size=3),
    int: st.integers() | st.sampled_from([2**63, -(2**63)]),
    float: st.floats(),
    Decimal: st.decimals() | st.just(Decimal(10**34 + 1)),
    bytes: st.binary(max_size=3),
    Weight: st.builds(Weight, st.integers() | st.just(2**63)),
}
"""Types with values that pydantic accepts, of which some cannot be stored."""


@st.composite
def values_of_types(draw: st.DrawFn) -> tuple[Any, Any]:
    """Return an annotation and a value that pydantic accepts for it."""
    annotation = draw(st.sampled_from(list(SCALARS)))
    value = draw(SCALARS[annotation])
    for shape in draw(st.lists(st.sampled_from(["list", "pair", "map", "optional", "model"]), max_size=3)):
        match shape:
            case "list":
                annotation, value = cast(Any, list)[annotation], [value]
            case "pair":
                annotation, value = cast(Any, tuple)[annotation, bool], (value, True)
            case "map":
                annotation = cast(Any, dict)[str, annotation]
                value = {draw(st.sampled_from(["a", "\0"])): value}
            case "optional":
                annotation, value = annotation | None, draw(st.sampled_from([value, None]))
            case _:
                annotation = create_model("Part", part=(annotation, ...), name=(str, "ä"))
                value = annotation.model_construct(part=value, name="ä")
    return annotation, value


def refusal(convert: Callable[[Any], object] | None, value: Any) -> tuple[Any, ...] | None:
    """Return path and reason with which a value is refused; None if it is accepted."""
    try:
        if convert is not None:
            convert(value)
    except UnfitValue as error:
        return error.path, error.reason
    return None


@given(values_of_types())
def test_the_check_of_a_type_refuses_what_its_encoder_refuses(drawn: tuple[Any, Any]):
    annotation, value = drawn
    try:
        validated = TypeAdapter(annotation).validate_python(value)
    except ValidationError:
        return
    declared = field_type(annotation, "Test.field")
    assert refusal(storable_check(declared), validated) == refusal(encoder(declared), validated)


@given(st.data())
def test_every_value_of_every_declared_type_passes(data: st.DataObject):
    declared = data.draw(declared_types())
    check = storable_check(field_type(declared.annotation, "Test.field"))
    assert refusal(check, data.draw(declared.values)) is None


class Part(BaseModel):
    name: str
    tags: tuple[str, ...] = ()
    data: dict[str, Json] = {}


class Other(BaseModel):
    name: str


class Box(BaseModel):
    parts: list[Part]


_construct: Any = Part.model_construct


@pytest.mark.parametrize(
    ("part", "place"),
    [
        (Part(name="\ud800"), "parts[0].name: half of a surrogate pair"),
        (Part(name="a", tags=("a", "\ud800")), "parts[0].tags[1]: half of a surrogate pair"),
        (Part(name="a", data={"a\0": 1}), "parts[0].data: a key must not have a NUL"),
        (_construct(name=7), "parts[0].name: expected a text"),
        (Other(name="a"), "parts[0]: expected a Part"),
    ],
)
def test_a_value_inside_a_model_is_refused_with_its_path(part: Any, place: str):
    with pytest.raises(UnfitValue) as error:
        model_check(Box)(Box.model_construct(parts=[part]))
    assert str(error.value).startswith(place)


def test_types_of_which_pydantic_checks_all_need_no_check():
    for annotation in (bool, bytes, Json, list[bool], tuple[bytes, bool] | None, set[bool]):
        assert storable_check(field_type(annotation, "Test.field")) is None, annotation

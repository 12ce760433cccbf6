"""What is declared comes back as declared: encoding and decoding are inverse, through real BSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import InitVar, dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypedDict, TypeVar

import bson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, JsonValue, NaiveDatetime, RootModel

from domain.kernel import Json, Moment
from domain.kernel.errors import DeclarationError, UnfitValue
from domain.kernel.types.annotations import field_type
from domain.kernel.types.stored_values import encoder
from tests.helpers.declared_types import declared_types
from tests.helpers.stored_forms import read, stored

MANY = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def classes(value: Any) -> Any:
    """The classes that a value is made of, which equality alone does not show."""
    if isinstance(value, dict):
        return dict, {key: classes(item) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        return type(value), {item: classes(item) for item in value}
    if isinstance(value, (list, tuple)):
        return type(value), [classes(item) for item in value]
    if hasattr(value, "__dataclass_fields__") or hasattr(value, "model_fields_set"):
        return type(value)
    return int if isinstance(value, bson.Int64) else type(value)


@MANY
@given(st.data(), st.booleans())
def test_a1_every_value_of_every_declared_type_comes_back_equal(data: st.DataObject, validated: bool):
    declared = data.draw(declared_types())
    value = data.draw(declared.values)
    found = read(stored(value, declared.annotation, validated=validated), declared.annotation)
    assert found == value
    assert classes(found) == classes(value)


class Mixed(Enum):
    TEXT = "a"
    INTEGER = 1


class Empty(Enum):
    pass


class Bits(Flag):
    ONE = 1


class Point(BaseModel):
    x: int


class Circle(BaseModel):
    kind: Literal["circle"] = "circle"
    radius: float


class AnotherCircle(BaseModel):
    kind: Literal["circle"] = "circle"


class Aliased(BaseModel):
    point: int = Field(alias="p")


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")


class Rooted(RootModel[list[int]]):
    pass


@dataclass(eq=False)
class Unequal:
    x: int = 0


@dataclass
class Computed:
    x: int = field(init=False, default=0)


@dataclass
class Initial:
    x: InitVar[int]
    y: int = 0


class Unresolved(BaseModel):
    x: Nowhere  # type: ignore[name-defined]  # noqa: F821


class Plain:
    pass


class Deep(TypedDict):
    inner: list[complex]


T = TypeVar("T")

REFUSED: list[tuple[Any, str]] = [
    (Any, "use Json for any JSON value"),
    (object, "use Json for any JSON value"),
    (
        complex,
        "complex is not a type that can be stored; use a pydantic model or a dataclass",
    ),
    (Path, "Path is not a type that can be stored"),
    (Plain, "Plain is not a type that can be stored"),
    (list, r"list does not name the type of its items; write list\[str\]"),
    (dict, r"write dict\[str, int\]"),
    (tuple, r"write tuple\[str, ...\]"),
    (Sequence[int], "use list, tuple, set, frozenset or dict"),
    (Iterable[int], "use list, tuple, set, frozenset or dict"),
    (dict[int, str], "the keys of a dict are texts, not int; use str or an Enum of texts"),
    (set[list[int]], r"set\[list\[int\]\] cannot contain list\[int\], which has no hash; use list"),
    (frozenset[Point], "cannot contain Point, which has no hash"),
    (set[Json], "which has no hash"),
    (NaiveDatetime, "use Moment"),
    (Mixed, "the Enum Mixed must be all texts or all integers"),
    (Empty, "the Enum Empty must be all texts or all integers"),
    (Bits, "the Enum Bits must be all texts or all integers"),
    (Literal["a", 1], "the values of a Literal are all texts, all integers or all booleans"),
    (int | str, "a union of int and str cannot be distinguished when it is read; use Json"),
    (Point | str | None, "a union of Point and str cannot be distinguished"),
    (
        Point | Circle,
        "Point and Circle cannot be distinguished when they are read; give each a Literal field",
    ),
    (Circle | AnotherCircle, "Circle and AnotherCircle cannot be distinguished"),
    (T, "is a type variable"),
    (Aliased, "Aliased.point has an alias"),
    (Open, "Open allows fields that it does not declare"),
    (Rooted, "Rooted is a RootModel; use its root type"),
    (Initial, r"Initial\.x is an InitVar, which is not kept; make it a field"),
    (Unresolved, "Unresolved.x: Nowhere is not defined; define it .*, or import it"),
    (Unequal, "Unequal is a dataclass with eq=False"),
    (Computed, r"Computed.x is no argument of its class \(init=False\)"),
    (Deep, "Deep.inner: complex is not a type that can be stored"),
    (Annotated[complex, "mark"], "complex is not a type"),
]


@pytest.mark.parametrize(("annotation", "message"), REFUSED, ids=range(len(REFUSED)))
def test_a3_what_is_not_in_the_table_is_refused_with_what_to_use(annotation: Any, message: str):
    with pytest.raises(DeclarationError, match=message):
        field_type(annotation, "Order.field")


def test_a3_a_refusal_names_class_and_field():
    with pytest.raises(DeclarationError, match=r"^Order\.total: complex is not"):
        field_type(complex, "Order.total")


class Named(NamedTuple):
    amount: Decimal


@dataclass(frozen=True)
class Line:
    name: str
    price: Decimal = Decimal(0)


BAD: Any = {"x": "1"}
UNSTORABLE: list[tuple[Any, Any, str]] = [
    (float, float("inf"), "a number that is not finite"),
    (float, float("nan"), "a number that is not finite"),
    (float, "1", "expected a number, not a value of class str"),
    (float, 2**60 + 1, "expected a number"),
    (float, 10**400, "no exact number"),
    (int, 2**63, "an integer has 64 bits at most"),
    (int, -(2**63) - 1, "an integer has 64 bits at most"),
    (int, True, "expected an integer, not a value of class bool"),
    (int, 1.0, "expected an integer"),
    (bool, 1, "expected true or false"),
    (str, "\ud800", "half of a surrogate pair"),
    (str, 1, "expected a text"),
    (Decimal, Decimal("NaN"), "not finite"),
    (Decimal, Decimal("Infinity"), "not finite"),
    (Decimal, Decimal(10**34 + 1), "34 digits at most"),
    (Decimal, Decimal("1E+6112"), "an exponent from -6176 to 6111"),
    (Decimal, 1, "expected a Decimal"),
    (Moment, datetime(2024, 1, 1), "without a time zone"),
    (datetime, datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5))), "before the year 1 or after"),
    (datetime, "2024-01-01T00:00:00Z", "expected a datetime"),
    (date, datetime(2024, 1, 1, tzinfo=UTC), "expected a date, not a value of class datetime"),
    (time, time(1, tzinfo=UTC), "a time of day has no time zone"),
    (timedelta, timedelta.max, "64 bits of microseconds"),
    (bytes, "a", "expected bytes"),
    (Literal["a"], "b", "expected one of 'a'"),
    (Literal["a"], [], "expected one of 'a'"),
    (list[int], (1,), "expected a list, not a value of class tuple"),
    (list[int], [1, 2**63], r"^\[1\]: an integer has 64 bits"),
    (set[int], [1], "expected a set"),
    (tuple[int, str], (1,), "expected a tuple of 2 items"),
    (tuple[int, str], (1, 2), r"^\[1\]: expected a text"),
    (dict[str, int], {"a\0": 1}, "NUL"),
    (dict[str, int], {"$ref": 1, "$id": 2}, "takes for a link"),
    (dict[str, int], {"a": "b"}, r"^\[…\]: expected an integer"),
    (dict[str, int], {1: 1}, r"^\[…\]: expected a text"),
    (Json, {"a": float("nan")}, "not finite"),
    (JsonValue, 2**63, "integer beyond 64 bits"),
    (Point, Point.model_construct(**BAD), "^x: expected an integer"),
    (Point, Point.model_construct(**{}), "^x: the field is missing"),
    (Point, {"x": 1}, "expected a Point, not a value of class dict"),
    (
        list[Line],
        [Line("a"), Line("b", Decimal("NaN"))],
        r"^\[1\]\.price: a decimal number that is not finite",
    ),
    (Named, Named(1), "^amount: expected a Decimal"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("annotation", "value", "message"), UNSTORABLE, ids=range(len(UNSTORABLE)))
def test_a_value_that_cannot_be_stored_is_refused_with_its_place(annotation: Any, value: Any, message: str):
    encode = encoder(field_type(annotation, "Test.field"))
    assert encode is not None
    with pytest.raises(UnfitValue, match=message):
        encode(value)


def test_equal_sets_are_stored_as_equal_bytes():
    texts = field_type(frozenset[tuple[str, str]], "Test.field")
    encode = encoder(texts)
    assert encode is not None
    pairs = [(str(one), "x") for one in range(50)]
    assert encode(frozenset(pairs)) == encode(frozenset(reversed(pairs)))

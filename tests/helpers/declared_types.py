"""Random declarations over the whole table of docs/types.md, with values of them.

A `DeclaredType` is an annotation, as an author would write it, and the values that it allows.
`declared_types` draws one, `declared_fields` the fields of a class.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from itertools import count
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, cast
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from pydantic import ConfigDict, Field, create_model
from typing_extensions import TypedDict

from domain.kernel import (
    Identifier,
    Json,
    Moment,
    Name,
)
from domain.kernel.fields import to_moment
from tests.helpers.event_data import CHARACTERS, INT64, JSON

TEXTS = st.text(max_size=8)
KEYS = st.text(CHARACTERS, max_size=6).filter(lambda key: key not in ("$ref", "$id"))
DECIMALS = st.builds(
    lambda digits, exponent: Decimal(digits).scaleb(exponent),
    st.integers(-(10**27), 10**27),
    st.integers(-30, 30),
)
MOMENTS = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=st.just(UTC)).map(to_moment)
DURATIONS = st.integers(*INT64).map(lambda microseconds: timedelta(microseconds=microseconds))
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


class Colour(Enum):
    """A plain Enum of texts, names apart from values."""

    RED = "r"
    GREEN = "g"


class Grade(IntEnum):
    """An Enum of integers."""

    GOOD = 1
    BAD = -(2**40)


class Level(StrEnum):
    """An Enum whose members are texts."""

    LOW = "low"
    HIGH = "high"


@dataclasses.dataclass(frozen=True)
class DeclaredType:
    """An annotation and its values. `hashable`: values may be items of a set."""

    annotation: Any
    values: SearchStrategy[Any]
    hashable: bool = True


SCALARS = (
    DeclaredType(str, TEXTS),
    DeclaredType(Name, st.just("a name")),
    DeclaredType(Identifier, st.just("thing-1")),
    DeclaredType(bool, st.booleans()),
    DeclaredType(int, st.integers(*INT64)),
    DeclaredType(float, NUMBERS),
    DeclaredType(Decimal, DECIMALS),
    DeclaredType(Moment, MOMENTS),
    DeclaredType(datetime, MOMENTS),
    DeclaredType(date, st.dates()),
    DeclaredType(UUID, st.uuids()),
    DeclaredType(time, st.times().map(lambda value: value.replace(fold=0))),
    DeclaredType(timedelta, DURATIONS),
    DeclaredType(bytes, st.binary(max_size=8)),
    DeclaredType(Colour, st.sampled_from(Colour)),
    DeclaredType(Grade, st.sampled_from(Grade)),
    DeclaredType(Level, st.sampled_from(Level)),
    DeclaredType(Literal["x", "y"], st.sampled_from(["x", "y"])),
    DeclaredType(Literal[1, 2], st.sampled_from([1, 2])),
    DeclaredType(Annotated[int, Field(ge=0)], st.integers(0, INT64[1])),
)
JSON_TYPE = DeclaredType(Json, JSON, hashable=False)

_numbers = count()
"""Makes the names of the classes differ."""


def declared_types(depth: int = 3) -> SearchStrategy[DeclaredType]:
    """Any type of the table, containers and records nested up to `depth`."""
    return _types(depth, hashable=False)


@st.composite
def _types(draw: DrawFn, depth: int, *, hashable: bool) -> DeclaredType:
    makers = (_list, _tuple, _set, _fixed_tuple, _optional, _record) if depth else ()
    if not hashable:
        makers = (*makers, _map, _one_of, lambda draw, depth, hashable: JSON_TYPE) if depth else makers
    make = draw(st.sampled_from((None, *makers)))
    return draw(st.sampled_from(SCALARS)) if make is None else make(draw, depth - 1, hashable)


def _list(draw: DrawFn, depth: int, hashable: bool) -> DeclaredType:
    if hashable:
        return _tuple(draw, depth, hashable)
    item = draw(_types(depth, hashable=False))
    return DeclaredType(cast(Any, list)[item.annotation], st.lists(item.values, max_size=3), hashable=False)


def _tuple(draw: DrawFn, depth: int, hashable: bool) -> DeclaredType:
    item = draw(_types(depth, hashable=hashable))
    values = st.lists(item.values, max_size=3).map(tuple)
    return DeclaredType(cast(Any, tuple)[item.annotation, ...], values, item.hashable)


def _set(draw: DrawFn, depth: int, hashable: bool) -> DeclaredType:
    item = draw(_types(depth, hashable=True))
    container = frozenset if hashable else draw(st.sampled_from([set, frozenset]))
    # Not by hypothesis' own sets, which ask for items that differ: 1.0 and 1.00 are one item.
    values = st.lists(item.values, max_size=3).map(container)
    return DeclaredType(cast(Any, container)[item.annotation], values, container is frozenset)


def _fixed_tuple(draw: DrawFn, depth: int, hashable: bool) -> DeclaredType:
    items = draw(st.lists(_types(depth, hashable=hashable), min_size=1, max_size=3))
    annotation = cast(Any, tuple)[tuple(item.annotation for item in items)]
    values = st.tuples(*(item.values for item in items))
    return DeclaredType(annotation, values, all(item.hashable for item in items))


def _optional(draw: DrawFn, depth: int, hashable: bool) -> DeclaredType:
    inner = draw(_types(depth, hashable=hashable))
    return DeclaredType(inner.annotation | None, st.none() | inner.values, inner.hashable)


def _map(draw: DrawFn, depth: int, hashable: bool) -> DeclaredType:
    key = draw(
        st.sampled_from([(str, KEYS), (Colour, st.sampled_from(Colour)), (Level, st.sampled_from(Level))])
    )
    value = draw(_types(depth, hashable=False))
    values = st.dictionaries(key[1], value.values, max_size=3)
    return DeclaredType(cast(Any, dict)[key[0], value.annotation], values, hashable=False)


def _record(draw: DrawFn, depth: int, hashable: bool) -> DeclaredType:
    fields = draw(declared_fields(depth, hashable=hashable))
    kinds = [make_model, make_dataclass, make_named_tuple, *(() if hashable else (make_typed_dict,))]
    make: Callable[[Mapping[str, DeclaredField]], DeclaredType] = draw(st.sampled_from(kinds))
    return make(fields)


def _one_of(draw: DrawFn, depth: int, hashable: bool) -> DeclaredType:
    members = []
    for value in ("first", "second"):
        kind = DeclaredType(Literal[value], st.just(value))
        fields = {"kind": DeclaredField(kind), **draw(declared_fields(depth))}
        members.append(draw(st.sampled_from([make_model, make_dataclass, make_typed_dict]))(fields))
    annotation = members[0].annotation | members[1].annotation
    return DeclaredType(annotation, members[0].values | members[1].values, hashable=False)


@dataclasses.dataclass(frozen=True)
class DeclaredField:
    """A field of a class: its type, and its default where it has one (`...`: it has none)."""

    type: DeclaredType
    default: Any = ...

    @property
    def has_default(self) -> bool:
        return self.default is not ...


@st.composite
def declared_fields(draw: DrawFn, depth: int = 3, *, hashable: bool = False) -> dict[str, DeclaredField]:
    """The fields of one class: required ones first, as dataclasses want it."""
    types = draw(st.lists(_types(depth, hashable=hashable), min_size=1, max_size=3))
    fields = [DeclaredField(each, draw(_default(each))) for each in types]
    fields.sort(key=lambda field: field.has_default)
    return {f"field_{place}": field for place, field in enumerate(fields)}


def _default(type: DeclaredType) -> SearchStrategy[Any]:
    """No default, or one of the values that is not shared by mistake."""
    return st.just(...) | type.values.filter(_is_immutable) if type.hashable else st.just(...)


def _is_immutable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def values_of(fields: Mapping[str, DeclaredField]) -> SearchStrategy[dict[str, Any]]:
    """Values of the fields; those with a default may be left out."""
    return st.fixed_dictionaries(
        {name: field.type.values for name, field in fields.items() if not field.has_default},
        optional={name: field.type.values for name, field in fields.items() if field.has_default},
    )


def _made(python: Any, fields: Mapping[str, DeclaredField], *, hashable: bool = True) -> DeclaredType:
    values = values_of(fields).map(lambda values: python(**values))
    return DeclaredType(python, values, hashable and all(field.type.hashable for field in fields.values()))


def make_model(fields: Mapping[str, DeclaredField]) -> DeclaredType:
    """A frozen pydantic model."""
    parts: dict[str, Any] = {name: (field.type.annotation, field.default) for name, field in fields.items()}
    return _made(create_model(f"Model{next(_numbers)}", __config__=ConfigDict(frozen=True), **parts), fields)


def make_dataclass(fields: Mapping[str, DeclaredField]) -> DeclaredType:
    """A frozen dataclass with slots."""
    parts: list[Any] = [
        (name, field.type.annotation, dataclasses.field(default=field.default))
        if field.has_default
        else (name, field.type.annotation)
        for name, field in fields.items()
    ]
    python = dataclasses.make_dataclass(f"Data{next(_numbers)}", parts, frozen=True, slots=True)
    return _made(python, fields)


def make_named_tuple(fields: Mapping[str, DeclaredField]) -> DeclaredType:
    """A NamedTuple, with the defaults of its last fields."""
    make: Any = NamedTuple
    python = make(f"Named{next(_numbers)}", [(name, field.type.annotation) for name, field in fields.items()])
    defaults = tuple(field.default for field in fields.values() if field.has_default)
    python.__new__.__defaults__ = defaults
    python._field_defaults = dict(zip(list(fields)[len(fields) - len(defaults) :], defaults, strict=True))
    return _made(python, fields)


def make_typed_dict(fields: Mapping[str, DeclaredField]) -> DeclaredType:
    """A TypedDict; what has a default elsewhere may be absent here."""
    make: Any = TypedDict
    parts = {
        name: NotRequired[field.type.annotation] if field.has_default else field.type.annotation
        for name, field in fields.items()
    }
    return _made(make(f"Typed{next(_numbers)}", parts), fields, hashable=False)

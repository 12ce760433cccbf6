"""A context whose command has fields of every type that an input may have."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Literal, NotRequired
from uuid import UUID

from pydantic import BaseModel, Field, field_validator
from typing_extensions import TypedDict

from domain.kernel import (
    Aggregate,
    ChangeCommand,
    Context,
    CreateCommand,
    Event,
    Facts,
    Int64,
    Json,
    Moment,
)
from projections.kernel import View, by_stream


class Colour(Enum):
    """A colour, by names apart from values."""

    RED = "r"
    GREEN = "g"


class Grade(IntEnum):
    """A grade."""

    GOOD = 1
    BAD = 2


class Card(BaseModel):
    """Paid by card."""

    kind: Literal["card"] = "card"
    holder_name: Annotated[str, Field(max_length=5)]


@dataclass(frozen=True)
class Cash:
    """Paid in cash."""

    kind: Literal["cash", "coins"]
    amounts: tuple[Decimal, ...]


class Size(TypedDict):
    """How large it is."""

    width_in: float
    unit: NotRequired[str]


class Node(BaseModel):
    """A part that has parts."""

    label: str
    parts: list[Node] = []


class Make(CreateCommand):
    """Make a thing."""

    wide: Int64 | None = None
    whole: int | None = None
    real: float | None = None
    price: Annotated[Decimal, Field(ge=0, max_digits=6)] | None = None
    at: Moment | None = None
    due: datetime | None = None
    day: date | None = None
    of_day: time | None = None
    lasts: timedelta | None = None
    serial: UUID | None = None
    blob: bytes | None = None
    colour: Colour = Colour.RED
    grades: frozenset[Grade] = frozenset()
    side: Literal["left", "right"] = "left"
    payment: Card | Cash | None = None
    sizes: tuple[Size, ...] = ()
    tree: Node | None = None
    pair: tuple[str, Decimal] | None = None
    counts: tuple[int | None, ...] = (7, None)
    large: tuple[int, ...] = (2**31,)
    point: tuple[float, float] | None = None
    prices: dict[Colour, list[Size | None]] | None = None
    moments: dict[str, Moment] | None = None
    extra: Json = None
    checked: str = ""

    @field_validator("checked")
    @classmethod
    def _checked(cls, value: str) -> str:
        if value == "bad":
            raise ValueError("a bad word")
        return value


class Made(Event, type="thing.made"):
    pass


class Touch(ChangeCommand):
    """Touch a thing."""


@dataclass(frozen=True, slots=True)
class Thing(Aggregate[Make | Touch, Made]):
    category = "thing"

    def decide(self, command: Make | Touch, facts: Facts) -> list[Made]:
        return [Made()]

    def evolve(self, event: Made) -> Thing:
        return self


class ThingRow(TypedDict):
    id: str


context = Context("things", Thing)


view = View(
    name="things",
    singular="thing",
    context=context,
    row=ThingRow,
    key=by_stream,
    apply=lambda key, _row, _event: {"id": key},
)

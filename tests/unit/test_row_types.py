"""The GraphQL types of rows, filters and orders, for every declared type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import IntEnum
from functools import cache
from typing import Any, Literal, NamedTuple, NotRequired
from uuid import UUID

from bson.decimal128 import Decimal128
from graphql import GraphQLSchema, execute, parse, print_type
from pydantic import BaseModel
from typing_extensions import TypedDict

from api.graphql.execution.core_executor import OperationExecutor
from api.graphql.execution.selection_tree import SelectionTree
from api.graphql.execution.value_writers import FieldWriters
from api.graphql.schema import build_schema
from domain.kernel import Catalog, Int32, Int64, Json, RecordedEvent
from projections.kernel import View, by_stream
from tests.helpers.notes import context


class Grade(IntEnum):
    GOOD = 1
    BAD = 2


class Card(BaseModel):
    """Paid by card."""

    kind: Literal["card"]
    number: str


@dataclass(frozen=True)
class Cash:
    """Paid in cash."""

    kind: Literal["cash"]
    amount: Decimal


class Point(NamedTuple):
    """A place."""

    x_at: float


class Part(TypedDict):
    """A part."""

    label: str
    note: NotRequired[str]
    parts: list[Part]


class ThingRow(TypedDict):
    """A thing."""

    id: str
    owner_id: str
    whole: int
    small: Int32
    wide: Int64
    price: Decimal
    at: datetime
    day: date
    of_day: time
    lasts: timedelta
    serial: UUID
    blob: bytes
    grade: Grade
    side: Literal["left", "right"]
    far: Literal[1, 10_000_000_000]
    payment: Card | Cash | None
    point: Point
    tree: Part
    tags: frozenset[str]
    corners: tuple[Point, Point]
    pair: tuple[str, Decimal]
    prices: dict[str, Decimal]
    extra: Json
    extras: list[Json]


def fold(_id: str, row: ThingRow | None, _event: RecordedEvent) -> ThingRow | None:
    return row


FILTERED = [
    *("owner_id", "whole", "small", "wide", "price", "at", "day", "of_day", "lasts"),
    *("serial", "blob", "grade", "side", "far", "tags"),
]
VIEW = View(
    name="things",
    singular="thing",
    context=context,
    row=ThingRow,
    key=by_stream,
    apply=fold,
    filters=tuple(FILTERED),
    orders=tuple(name for name in FILTERED if name not in ("blob", "tags")),
)


@cache
def schema() -> GraphQLSchema:
    """Return the schema of the view, built once and not by each process that collects tests."""
    return build_schema(Catalog([context]), [VIEW])


def lines(name: str) -> list[str]:
    return [line for line in print_type(schema().type_map[name]).splitlines() if line.startswith("  ")]


def test_a8_rows_may_have_every_type() -> None:
    shown = [line.strip() for line in lines("Thing") if '"""' not in line]
    assert (
        shown[1:25]
        == [
            "ownerId: ID!",
            "whole: Int",
            "small: Int!",
            "wide: Int64!",
            "price: Decimal!",
            "at: DateTime!",
            "day: Date!",
            "ofDay: Time!",
            "lasts: Duration!",
            "serial: UUID!",
            "blob: Bytes!",
            "grade: Grade!",
            "side: String!",
            "far: Int64!",
            "payment: CardOrCash",
            "point: Point!",
            "tree: Part!",
            "tags: [String!]!",
            "corners: [Point!]!",
            "pair: JSON!",
            "prices: JSON!",
            "extra: JSON",
            "extras: [JSON]!",
        ]
        or shown
    )
    assert lines("Part") == ["  label: String!", "  note: String", "  parts: [Part!]!"]
    assert print_type(schema().type_map["CardOrCash"]).endswith("union CardOrCash = Card | Cash")


def test_a8_filters_have_the_operators_of_each_type() -> None:
    names = {
        line.split(":")[0].strip(): line.split(":")[1].strip() for line in lines("ThingFilter") if ":" in line
    }
    ranges = ["eq", "ne", "lt", "lte", "gt", "gte", "in", "isNull"]
    equality = ["eq", "ne", "in", "isNull"]
    expected = {
        "whole": ("IntFilter", ranges),
        "wide": ("Int64Filter", ranges),
        "price": ("DecimalFilter", ranges),
        "at": ("DateTimeFilter", ranges),
        "day": ("DateFilter", ranges),
        "ofDay": ("TimeFilter", ranges),
        "lasts": ("DurationFilter", ranges),
        "serial": ("UUIDFilter", equality),
        "blob": ("BytesFilter", equality),
        "grade": ("GradeFilter", equality),
        "tags": ("StringListFilter", ["contains", "isNull"]),
    }
    for name, (declared, operators) in expected.items():
        assert names[name] == declared
        assert [line.split(":")[0].strip() for line in lines(declared) if ":" in line] == operators


def response_of(row: Mapping[str, Any], selection: str) -> Any:
    """Return what a response has of a stored row."""
    declared: Any = schema().type_map["Query"]
    resolver = declared.fields["thing"].resolve
    declared.fields["thing"].resolve = lambda *_, **__: row
    try:
        document = parse(f'{{ thing(id: "a") {{ {selection} }} }}')
        writers = FieldWriters(SelectionTree(schema(), document))
        outcome: Any = execute(schema(), document, executor_class=OperationExecutor, writers=writers)
    finally:
        declared.fields["thing"].resolve = resolver
    assert outcome.errors in (None, [])
    return outcome.data["thing"]


def test_a8_stored_values_are_written() -> None:
    """Rows go from MongoDB to the response as they are stored."""
    selection = (
        "price lasts blob grade payment { __typename ... on Cash { kind amount } } point { xAt } pair prices "
        "extra extras tree { note }"
    )
    row = {
        "id": "a",
        "price": Decimal128("12.50"),
        "lasts": 90_000_000,
        "blob": b"\xff",
        "grade": 2,
        "payment": {"kind": "cash", "amount": Decimal128("1E+3")},
        "point": {"x_at": 1.5},
        "pair": ["a", Decimal128("0.10")],
        "prices": {"a_b": Decimal128("1")},
        "extra": None,
        "extras": [None, {"a": 1}],
        "tree": {"label": "a", "parts": []},
    }
    assert response_of(row, selection) == {
        "price": "12.50",
        "lasts": "PT1M30S",
        "blob": "/w==",
        "grade": "BAD",
        "payment": {"__typename": "Cash", "kind": "cash", "amount": "1E+3"},
        "point": {"xAt": 1.5},
        "pair": ["a", "0.10"],
        "prices": {"a_b": "1"},
        "extra": None,
        "extras": [None, {"a": 1}],
        "tree": {"note": None},
    }

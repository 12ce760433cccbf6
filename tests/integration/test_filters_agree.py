"""A filter says the same of a row in MongoDB and in memory."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any, TypedDict
from uuid import UUID

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient
from pymongo.collection import Collection

from domain.kernel import Int64
from domain.kernel.types.stored_values import encoder
from eventstore.mongo.driver import CODEC
from projections.kernel import View, by_stream
from projections.live.filter_index import FilterIndex
from projections.querying.filters import parse_filter, to_mongo, to_predicate
from tests.helpers.field_samples import SAMPLES, Colour, Grade
from tests.helpers.notes import context


class Row(TypedDict):
    id: str
    text: str | None
    whole: int | None
    real: float | None
    flag: bool | None
    moment: datetime | None
    tags: list[str] | None
    colour: Colour
    price: Decimal | None
    day: date | None
    of_day: time | None
    lasts: timedelta | None
    serial: UUID | None
    blob: bytes | None
    grade: Grade | None
    wide: Int64 | None
    prices: frozenset[Decimal] | None
    days: tuple[date, ...] | None


view = View(
    name="rows",
    singular="row",
    context=context,
    row=Row,
    key=by_stream,
    apply=lambda _id, row, _event: row,
    filters=tuple(name for name in Row.__annotations__ if name != "id"),
)
ENCODERS = {name: encoder(field.type) for name, field in view.record.fields.items()}

# Small alphabets, so that values meet; with what regular expressions, collations and encodings trip over.
texts = st.text("aAäß. *\\^$(\n😀\ufffd", max_size=3)
wholes = st.integers(-2, 2) | st.sampled_from([2**53, 2**53 + 1, -(2**63), 2**63 - 1])
reals = st.sampled_from([-1.5, -0.0, 0.0, 1.0, 2.0**53, 1e300, 5e-324]) | wholes
moments = st.builds(
    lambda ms, zone: datetime(2024, 1, 1, tzinfo=UTC).astimezone(zone) + timedelta(milliseconds=ms),
    st.sampled_from([0, 0.4, 1, 1_000]),
    st.sampled_from([UTC, timezone(timedelta(hours=5))]),
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "text": texts,
    "whole": wholes,
    "real": reals,
    "moment": moments,
    "blob": st.sampled_from([b"", b"\0", b"a", b"\xff\xff"]),
    "wide": wholes,
    **SAMPLES,
}
LISTS: dict[str, st.SearchStrategy[Any]] = {"tags": texts, "prices": VALUES["price"], "days": VALUES["day"]}
NEW = ("price", "day", "of_day", "lasts", "serial", "blob", "grade", "wide", "prices", "days")
"""Fields whose rows are encoded here as the projector does it; those of the others may hold wrong values."""


def conditions(field: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    operators = {
        "eq": st.none() | values,
        "ne": st.none() | values,
        "in": st.lists(st.none() | values, max_size=3),
        "isNull": st.booleans(),
    }
    if field not in ("flag", "serial", "blob"):
        operators |= dict.fromkeys(("lt", "lte", "gt", "gte"), values)
    if field in ("text", "colour"):
        operators |= dict.fromkeys(("contains", "startsWith"), texts | st.sampled_from(["R", "LUE"]))
    return st.fixed_dictionaries({}, optional=operators).map(lambda found: {field: found})


def of_list(field: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    operators = {"contains": values, "isNull": st.booleans()}
    return st.fixed_dictionaries({}, optional=operators).map(lambda found: {field: found})


leaves = st.one_of(
    *(conditions(field, values) for field, values in VALUES.items()),
    *(of_list(field, values) for field, values in LISTS.items()),
)
filters = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda parts: {"and": parts}, st.lists(inner, max_size=3)),
        st.builds(lambda parts: {"or": parts}, st.lists(inner, max_size=3)),
        st.builds(lambda part: {"not": part}, inner),
        st.builds(lambda one, other: {**one, **other}, inner, inner),
    ),
    max_leaves=6,
)
rows = st.fixed_dictionaries(
    {},
    optional={field: st.none() | values for field, values in VALUES.items()}
    | {
        "tags": st.none() | st.lists(texts, max_size=2),
        "prices": st.none() | st.frozensets(VALUES["price"], max_size=2),
        "days": st.none() | st.lists(VALUES["day"], max_size=2).map(tuple),
    },
)


def as_stored(row: dict[str, Any]) -> dict[str, Any]:
    return {name: ENCODERS[name](value) if name in NEW else value for name, value in row.items()}  # type: ignore[misc]


@pytest.fixture
def stored(mongo_client: MongoClient[dict[str, Any]], database: str) -> Collection[dict[str, Any]]:
    return mongo_client[database].get_collection("rows", CODEC)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    made=st.lists(rows, min_size=1, max_size=12),
    asked=st.lists(filters, min_size=1, max_size=12),
)
@example(
    made=[{"text": text, "tags": [text]} for text in ("ab", "ba", "b", "AB", "a.b", "a\nb")],
    asked=[
        {field: {operator: text}}
        for field, operators in {"text": ("startsWith", "contains"), "tags": ("contains",)}.items()
        for operator in operators
        for text in ("a", "b", ".", "ab")
    ],
)
@example(
    made=[{"moment": datetime(2024, 1, 1, microsecond=ms, tzinfo=UTC)} for ms in (0, 1_000)],
    asked=[
        {"moment": {operator: datetime(2024, 1, 1, microsecond=400, tzinfo=UTC)}}
        for operator in ("eq", "lt", "lte", "gt", "gte")
    ],
)
def test_filters_agree_in_mongodb_and_in_memory(
    stored: Collection[dict[str, Any]], made: list[dict[str, Any]], asked: list[dict[str, Any]]
) -> None:
    """Any filter over any rows: MongoDB finds exactly those for which the predicate holds."""
    stored.delete_many({})
    stored.insert_many([{"_id": i, **as_stored(row)} for i, row in enumerate(made)])
    held = list(stored.find())
    for data in asked:
        parsed = parse_filter(view, data)
        found = {row["_id"] for row in stored.find(to_mongo(parsed), {"_id": 1})}
        predicate = to_predicate(parsed)
        by_keys = FilterIndex[str]()
        by_keys.add("group", "default", parsed)
        assert found == {row["_id"] for row in held if predicate(row)}, data
        concerned = {
            row["_id"] for row in held if list(by_keys.concerned({"id": "", "_tenant": "default", **row}))
        }
        assert found <= concerned, data

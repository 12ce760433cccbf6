"""A filter says the same of a row in MongoDB and in memory."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any, TypedDict

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient
from pymongo.collection import Collection

from projections.querying.filters import parse_filter, to_mongo, to_predicate
from projections.view import View, by_stream
from tests.notes import context


class Colour(StrEnum):
    RED = "RED"
    BLUE = "BLUE"


class Row(TypedDict):
    id: str
    text: str | None
    whole: int | None
    real: float | None
    flag: bool | None
    moment: datetime | None
    tags: list[str] | None
    colour: Colour


view = View(
    "rows",
    "row",
    context,
    Row,
    by_stream,
    lambda _id, row, _event: row,
    filters=("text", "whole", "real", "flag", "moment", "tags", "colour"),
)

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
    "flag": st.booleans(),
    "moment": moments,
    "colour": st.sampled_from(Colour),
}


def conditions(field: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    operators = {
        "eq": st.none() | values,
        "ne": st.none() | values,
        "in": st.lists(st.none() | values, max_size=3),
        "isNull": st.booleans(),
    }
    if field != "flag":
        operators |= dict.fromkeys(("lt", "lte", "gt", "gte"), values)
    if field in ("text", "colour"):
        operators |= dict.fromkeys(("contains", "startsWith"), texts | st.sampled_from(["R", "LUE"]))
    return st.fixed_dictionaries({}, optional=operators).map(lambda found: {field: found})


leaves = st.one_of(
    *(conditions(field, values) for field, values in VALUES.items()),
    st.fixed_dictionaries({}, optional={"contains": texts, "isNull": st.booleans()}).map(
        lambda found: {"tags": found}
    ),
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
    | {"tags": st.none() | st.lists(texts, max_size=2)},
)


@pytest.fixture
def stored(mongo_url: str, database: str) -> Iterator[Collection[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](mongo_url, tz_aware=True, tzinfo=UTC) as client:
        yield client[database]["rows"]


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
    stored.insert_many([{"_id": i, **row} for i, row in enumerate(made)])
    held = list(stored.find())
    for data in asked:
        parsed = parse_filter(view, data)
        found = {row["_id"] for row in stored.find(to_mongo(parsed), {"_id": 1})}
        predicate = to_predicate(parsed)
        assert found == {row["_id"] for row in held if predicate(row)}, data

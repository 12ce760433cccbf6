"""Which queries an index serves, told by their shape."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypedDict

import pytest

from projections.kernel import View, by_stream
from projections.querying.filters import parse_filter
from projections.querying.ordering import OrderBy, parse_order
from projections.querying.serving import MAX_WAYS, missing_index, shape_of
from projections.views import agents, documents, tasks, workflows
from tests.helpers.notes import context
from tests.helpers.own_contexts import OWN


class Row(TypedDict):
    id: str
    a: str
    b: str
    c: str | None
    n: int
    m: int
    tags: list[str]


view = View(
    name="rows",
    singular="row",
    context=context,
    row=Row,
    key=by_stream,
    apply=lambda _id, row, _event: row,
    filters=("a", "b", "c", "n", "tags"),
    orders=("n", "m"),
    indexes=(("a", "b", "-n"), ("tags", "c"), ("n", "-m")),
)

EQ = {"eq": "x"}


def remedy(filter: Any, *order: str, of: View[Any] = view) -> str | None:
    by: OrderBy = [(name.removeprefix("-"), "desc" if name[0] == "-" else "asc") for name in order]
    return missing_index(of, shape_of(parse_filter(of, filter)), parse_order(of, by).keys)


SERVED: list[tuple[Any, ...]] = [
    (None,),
    ({},),
    (None, "n"),
    (None, "-m"),
    (None, "n", "-m"),
    (None, "-n", "m"),
    ({"a": EQ},),
    ({"a": EQ}, "m"),
    ({"a": {"in": ["x", "y"]}}, "n"),
    ({"a": {"ne": "x"}},),
    ({"not": {"a": EQ}},),
    ({"not": {"a": {"ne": "x"}}, "b": EQ},),
    ({"c": {"isNull": True}},),
    ({"c": {"isNull": False}},),
    ({"a": {"startsWith": "x"}},),
    ({"n": {"gt": 1, "lt": 3}},),
    ({"n": {"gt": 1}}, "m"),
    ({"a": EQ, "b": EQ},),
    ({"b": {"in": ["x"]}, "a": EQ}, "-n"),
    ({"a": EQ, "b": {"startsWith": "x"}},),
    ({"a": EQ, "b": EQ, "n": {"gte": 1}}, "m"),
    ({"tags": {"contains": "x"}, "c": EQ},),
    ({"id": EQ, "c": {"contains": "x"}},),
    ({"id": {"in": ["x", "y"]}, "not": {"b": {"contains": "x"}}}, "n", "m"),
    ({"or": [{"a": EQ}, {"n": {"gt": 1}}]}, "m"),
    ({"a": EQ, "or": [{"b": EQ}, {"b": {"gt": "y"}}]},),
    ({"not": {"or": [{"a": {"ne": "x"}}, {"b": {"ne": "x"}}]}},),
    ({"or": []},),
    ({"and": [{"a": EQ}, {"and": [{"b": EQ}]}]},),
]


@pytest.mark.parametrize("query", SERVED, ids=str)
def test_what_an_index_serves(query: tuple[Any, ...]) -> None:
    assert remedy(*query) is None


UNSERVED: list[tuple[tuple[Any, ...], str]] = [
    ((None, "n", "m"), "declare the index ('n', 'm')"),
    ((None, "-m", "n"), "declare the index ('-m', 'n')"),
    (({"b": EQ, "c": EQ},), "declare the index ('b', 'c')"),
    (({"b": EQ, "c": EQ}, "-n"), "declare the index ('b', 'c', '-n')"),
    (({"a": EQ, "n": {"gt": 1}}, "-n"), "declare the index ('a', '-n')"),
    (({"a": EQ, "n": {"gt": 1}}, "m"), "declare the index ('a', 'n')"),
    (({"a": {"gt": "x"}, "b": EQ},), "declare the index ('b', 'a')"),
    (({"a": {"gt": "x"}, "n": {"gt": 1}},), "no index can serve more than one range, as here of a and n"),
    (({"a": {"contains": "x"}},), "no index can serve contains on a"),
    (({"a": EQ, "b": {"contains": "x"}},), "no index can serve contains on b"),
    (({"not": {"a": {"contains": "x"}}},), "no index can serve contains on a"),
    (({"not": {"a": {"startsWith": "x"}}},), "no index can serve startsWith on a"),
    (({"not": {"tags": {"contains": "x"}}},), "no index can serve contains on tags"),
    (({"and": [{"tags": {"contains": x}} for x in "xy"]},), "no index can serve contains on tags"),
    (({"tags": {"isNull": True}},), "no index can serve isNull on tags"),
    (({"or": [{"a": EQ}, {"b": EQ, "c": EQ}]},), "declare the index ('b', 'c')"),
    (({"or": [{"a": EQ}, {}]},), "declare"),
    (({"not": {"a": EQ, "c": {"contains": "x"}}},), "no index can serve contains on c"),
    (({"and": [{"or": [{"a": EQ}, {"b": EQ}]}] * 7},), f"more than {MAX_WAYS} ways"),
]


@pytest.mark.parametrize(("query", "says"), UNSERVED, ids=str)
def test_what_no_index_serves_and_what_would(query: tuple[Any, ...], says: str) -> None:
    found = remedy(*query)
    assert found is not None
    assert says in found


ALL = OWN[1]


@pytest.mark.parametrize("of", ALL, ids=lambda one: str(one.name))
def test_each_order_is_served(of: View[Any]) -> None:
    assert all(remedy(None, way + name, of=of) is None for name in of.orders for way in ("", "-"))


AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("of", "query"),
    [
        (tasks.view, ({"status": {"eq": "STARTED"}}, "-created_at")),
        (tasks.view, ({"status": {"in": ["STARTED", "CREATED"]}, "created_at": {"gt": AGO}}, "-created_at")),
        (tasks.view, ({"agent_id": {"eq": "agent-1"}, "status": {"eq": "STARTED"}}, "-created_at")),
        (tasks.view, ({"agent_id": {"eq": "agent-1"}}, "-created_at")),
        (documents.view, ({"archived": {"eq": False}}, "-changed_at")),
        (workflows.view, ({"status": {"eq": "RUNNING"}}, "-started_at")),
        (agents.view, ({"state": {"eq": "IDLE"}}, "name")),
    ],
    ids=lambda one: one.name if isinstance(one, View) else str(one),
)
def test_what_pages_usually_ask_is_served(of: View[Any], query: tuple[Any, ...]) -> None:
    assert remedy(*query, of=of) is None

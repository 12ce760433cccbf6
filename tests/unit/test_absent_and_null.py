"""A null in place of an optional input is the same as leaving it out, wherever inputs are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from graphql import GraphQLInputObjectType, GraphQLNonNull, Undefined

from projections.querying.filters import parse_filter
from projections.querying.marks import mark
from tests.helpers.notes import view
from tests.helpers.own_contexts import own_schema
from tests.helpers.resolver_arguments import received_arguments

NOTHING = mark(parse_filter(view, None), "notes")


@pytest.mark.parametrize(
    "filter",
    [
        {"text": None},
        {"and": None},
        {"or": None},
        {"not": None},
        {"and": [{"text": None, "or": None}]},
        {"id": None, "not": None},
        *(
            {"text": {name: None}}
            for name in ("in", "lt", "lte", "gt", "gte", "contains", "startsWith", "isNull")
        ),
    ],
)
def test_c6_a_null_in_a_filter_is_no_condition(filter: Mapping[str, Any]) -> None:
    assert mark(parse_filter(view, filter), "notes") == NOTHING


@pytest.mark.parametrize("name", ["eq", "ne"])
def test_c6_equality_with_null_is_a_condition(name: str) -> None:
    """Here null is a value to compare with, as the API's description of the operator says."""
    assert mark(parse_filter(view, {"scored_at": {name: None}}), "notes") != NOTHING


@pytest.mark.parametrize("given", ["direction: null", "direction: $none", "direction: ASC", ""])
def test_c6_a_null_direction_is_the_default(given: str) -> None:
    document = f"query ($none: Direction) {{ tasks(orderBy: [{{field: TITLE {given}}}]) {{ totalCount }} }}"
    used = document if "$none" in given else document.replace("($none: Direction)", "")
    order = received_arguments("Query", "tasks", used, none=None)["order_by"]
    assert order == [{"field": "title", "direction": "asc"}]


@pytest.mark.parametrize("given", ["priority: null, tags: null", "priority: $level, tags: $tags"])
def test_c6_a_null_in_a_command_is_left_to_the_default(given: str) -> None:
    variables = "($level: Priority, $tags: [String!])" if "$" in given else ""
    call = 'createTask(input: {title: "x", %s}) { receipt { stream } }'
    absent = received_arguments("Mutation", "createTask", "mutation { %s }" % (call % ""))["input"]
    document = f"mutation {variables} {{ {call % given} }}"
    assert received_arguments("Mutation", "createTask", document, level=None, tags=None)["input"] == absent
    assert (absent["priority"], absent["tags"]) == ("NORMAL", [])


def test_c6_every_input_that_may_be_left_out_may_be_null() -> None:
    """No argument and no field of an input has a default and refuses null."""
    refusing = [
        f"{name}.{field}"
        for name, declared in own_schema().type_map.items()
        for field, taken in _inputs(declared)
        if isinstance(taken.type, GraphQLNonNull) and taken.default_value is not Undefined
    ]
    assert [name for name in refusing if not name.startswith("__")] == []


def _inputs(declared: Any) -> list[tuple[str, Any]]:
    fields = getattr(declared, "fields", {})
    if isinstance(declared, GraphQLInputObjectType):
        return list(fields.items())
    return [
        (f"{name}({taken})", argument)
        for name, field in fields.items()
        for taken, argument in getattr(field, "args", {}).items()
    ]

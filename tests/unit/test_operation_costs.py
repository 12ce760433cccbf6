"""What operations cost: computed from the schema and the document, and refused before anything is read."""

from __future__ import annotations

from typing import Any, cast

import pytest
from graphql import get_introspection_query

from api.access.callers import UNRESTRICTED
from api.graphql.execution.executor import Executor
from api.graphql.execution.operation_request import OperationRequest, read_operation
from api.graphql.execution.request_context import RequestContext
from api.limits.operation_limits import OperationLimits
from api.runtime import Runtime
from tests.helpers.own_contexts import own_schema

EXECUTOR = Executor(own_schema())
NOTHING = RequestContext(cast(Runtime, None), UNRESTRICTED, {})


def cost(query: str, **variables: Any) -> int:
    prepared = EXECUTOR.prepare(OperationRequest(query, variables=variables))
    return prepared.document.costs.of(prepared.kind, prepared.operation_name, variables).units


def dearest(query: str) -> str:
    prepared = EXECUTOR.prepare(OperationRequest(query))
    return prepared.document.costs.of(prepared.kind, prepared.operation_name, {}).dearest


def test_a_list_costs_what_is_selected_of_each_row_of_its_page() -> None:
    assert cost('{ task(id: "x") { id } }') == 2
    assert cost("{ tasks { nodes { id } } }") == 1 + 20 + 2
    assert cost("{ tasks(first: 200) { nodes { id title } } }") == 1 + 200 + 40
    assert cost("{ tasks(last: 5) { edges { node { id } } } }") == 1 + 5 + 1
    assert cost("{ tasks(first: 0) { nodes { id } } }") == 1


def test_links_multiply_with_the_rows_that_have_them() -> None:
    one = cost("{ workflows(first: 1) { nodes { tasks(first: 50) { nodes { id } } } } }")
    assert cost("{ workflows(first: 100) { nodes { tasks(first: 50) { nodes { id } } } } }") > 90 * one


def test_counts_searches_and_the_past_cost_more_than_rows() -> None:
    plain = cost("{ tasks { nodes { id } } }")
    for query in (
        "{ tasks { nodes { id } totalCount } }",
        '{ tasks(search: "x") { nodes { id } } }',
        '{ tasks(asOf: {position: "x"}) { nodes { id } } }',
        '{ taskHistory(id: "x") { nodes { position } } }',
        '{ taskWhy(id: "x", field: TITLE) { value } }',
    ):
        assert cost(query) >= plain + 100


def test_the_values_of_variables_count() -> None:
    query = "query ($n: Int, $s: String) { tasks(first: $n, search: $s) { nodes { id } } }"
    assert cost(query, n=200) > cost(query, n=2)
    assert cost(query) == cost("{ tasks { nodes { id } } }")
    assert cost(query, n=2, s="x") == cost(query, n=2) + 100
    conditional = "query ($c: Boolean!) { tasks { nodes { id } totalCount @include(if: $c) } }"
    assert cost(conditional, c=True) == cost(conditional, c=False) + 100


def test_equal_variables_are_worked_out_once() -> None:
    query = "query ($n: Int, $id: ID!) { tasks(first: $n) { nodes { id } } task(id: $id) { id } }"
    prepared = EXECUTOR.prepare(OperationRequest(query))
    costs = prepared.document.costs
    first = costs.of(prepared.kind, None, {"n": 3, "id": "a"})
    assert costs.of(prepared.kind, None, {"n": 3, "id": "b"}) is first
    assert costs.of(prepared.kind, None, {"n": 4, "id": "a"}) is not first


def test_a_field_that_several_fragments_select_costs_once() -> None:
    fragments = " ".join(
        f"fragment f{n} on Query {{ tasks {{ nodes {{ agent {{ id }} }} }} }}" for n in range(5)
    )
    spread = "{ " + " ".join(f"...f{n}" for n in range(5)) + " }" + fragments
    assert cost(spread) == cost("{ tasks { nodes { agent { id } } } }")


def test_an_object_of_any_type_costs_as_its_dearest_type() -> None:
    rows = "... on Workflow { tasks(first: 50) { nodes { id } } }"
    workflow = cost('{ node(id: "x") { ' + rows + " } }")
    assert cost('{ node(id: "x") { ... on Task { title } ' + rows + " } }") == workflow


def test_introspection_fits_once_and_not_often() -> None:
    assert cost(get_introspection_query()) < OperationLimits().cost
    names = " ".join(f"a{n}: name" for n in range(300))
    assert cost("{ __schema { types { fields { args { " + names + " } } } } }") > OperationLimits().cost


async def test_an_operation_that_costs_too_much_is_refused_with_what_costs_most() -> None:
    query = "{ task(id: 1) { id } workflows(first: 200) { nodes { tasks(first: 200) { totalCount } } } }"
    result = await EXECUTOR.execute(EXECUTOR.prepare(OperationRequest(query)), NOTHING)
    assert "data" not in result
    [error] = result["errors"]
    assert error["extensions"]["code"] == "TOO_COMPLEX"
    assert error["extensions"]["cost"] > error["extensions"]["allowed"] == 10_000
    assert error["extensions"]["field"] == "workflows.nodes.tasks"
    assert dearest(query) == "workflows.nodes.tasks"


@pytest.mark.parametrize("field", ["tasks { totalCount }", 'taskHistory(id: "x") { nodes { position } }'])
async def test_many_expensive_fields_are_refused_together(field: str) -> None:
    """E5: none of them is too expensive by itself."""
    query = "{" + " ".join(f"a{n}: {field}" for n in range(120)) + "}"
    result = await EXECUTOR.execute(EXECUTOR.prepare(OperationRequest(query)), NOTHING)
    assert [error["extensions"]["code"] for error in result["errors"]] == ["TOO_COMPLEX"]


async def test_a_response_shows_what_the_operation_cost_to_a_client_that_asks() -> None:
    shown = read_operation({"query": "{ __typename }", "extensions": {"cost": True}})
    result = await EXECUTOR.execute(EXECUTOR.prepare(shown), NOTHING)
    assert result["extensions"] == {"cost": {"units": 1, "left": 9_999}}
    plain = read_operation({"query": "{ __typename }"})
    assert "extensions" not in await EXECUTOR.execute(EXECUTOR.prepare(plain), NOTHING)

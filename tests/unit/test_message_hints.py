"""Refusals of wrong names say which names there are, and how a view declares what it lacks."""

from __future__ import annotations

from typing import cast

import pytest
from graphql import GraphQLSchema, build_schema

from api.access.callers import UNRESTRICTED
from api.graphql.execution.execution_results import OperationRefused
from api.graphql.execution.executor import Executor
from api.graphql.execution.operation_request import OperationRequest
from api.graphql.execution.request_context import RequestContext
from api.runtime import Runtime
from tests.helpers.own_contexts import own_schema

PAYMENTS = build_schema(
    """
    input Card { number: String! }
    input Cash { amount: Int! }
    input Payment @oneOf { card: Card, cash: Cash }
    type Query { pay(by: Payment): Int }
    """
)


def messages(text: str, schema: GraphQLSchema) -> list[str]:
    with pytest.raises(OperationRefused) as refused:
        Executor(schema).prepare(OperationRequest(query=text))
    return [error["message"] for error in refused.value.result["errors"]]


@pytest.mark.parametrize("value", ["LATE", '"CREATED"', "3"])
def test_a_wrong_value_of_an_enum_gets_the_values(value: str) -> None:
    (message,) = messages(f"{{ tasks(filter: {{status: {{eq: {value}}}}}) {{ totalCount }} }}", own_schema())
    assert message.endswith(
        "The values of TaskStatus are CREATED, ASSIGNED, STARTED, COMPLETED, FAILED and CANCELLED."
    )


@pytest.mark.parametrize("value", ["{}", "{card: null}", '{card: {number: "1"}, cash: {amount: 1}}'])
def test_a_wrong_choice_of_one_gets_the_members(value: str) -> None:
    (message,) = messages(f"{{ pay(by: {value}) }}", PAYMENTS)
    assert message.endswith(" The fields of Payment are card and cash.")


def test_a_wrong_variable_gets_the_names_too() -> None:
    executor, context = Executor(PAYMENTS), RequestContext(cast(Runtime, None), UNRESTRICTED, {})
    text = "query ($by: Payment) { pay(by: $by) }"
    prepared = executor.prepare(OperationRequest(query=text, variables={"by": {"cheque": 1}}))
    with pytest.raises(OperationRefused) as refused:
        executor.subscribe(prepared, context)
    for error in refused.value.result["errors"]:
        assert error["message"].endswith("The fields of Payment are card and cash.")


def test_an_unknown_field_of_an_input_gets_the_fields() -> None:
    message, _ = messages("{ pay(by: {cheque: 1}) }", PAYMENTS)
    assert message.endswith("unknown field 'cheque'. The fields of Payment are card and cash.")


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (
            'filter: {description: {eq: "x"}}',
            "filtered by description if the view lists that field in `filters`",
        ),
        ("filter: {not: {finalCost: {gt: 1}}}", None),
        ("orderBy: [{field: STARTED_AT}]", "sorted by startedAt if the view lists that field in `orders`"),
        ("orderBy: [{field: NOTHING}]", None),
    ],
)
def test_a_field_that_a_view_does_not_declare_gets_the_declaration(arguments: str, hint: str | None) -> None:
    (message,) = messages(f"{{ tasks({arguments}) {{ totalCount }} }}", own_schema())
    assert " are " in message, "the names that there are"
    assert ("Rows can be" in message) == (hint is not None)
    assert (hint or "") in message


def test_an_argument_that_a_view_does_not_declare_gets_the_declaration() -> None:
    (message,) = messages('{ agents(search: "ada") { totalCount } }', own_schema())
    assert message.endswith("A list has this argument if its view lists fields in `search`.")


def test_an_argument_that_no_list_has_gets_no_declaration() -> None:
    (message,) = messages('{ task(id: "task-1", search: "x") { id } }', own_schema())
    assert "A list has" not in message

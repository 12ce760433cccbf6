"""Documents that would block the process are refused before they are validated."""

from __future__ import annotations

import gc
from contextlib import suppress

import pytest
from graphql import GraphQLError, get_introspection_query
from graphql import validate as core_validate

from api.graphql.execution import executor as executor_module
from api.graphql.execution.execution_results import OperationRefused
from api.graphql.execution.executor import Executor
from api.graphql.execution.operation_request import OperationRequest
from api.graphql.execution.validation import MAX_ERRORS
from api.limits.document_limits import parse_within
from api.limits.operation_limits import OperationLimits
from domain.kernel.limit_errors import TooComplex
from tests.helpers.own_contexts import own_schema

LIMITS = OperationLimits()


def fragments(number: int, body: str) -> str:
    return " ".join(f"fragment f{n} on Query {{ {body.format(n + 1)} }}" for n in range(number))


def aliases(number: int, field: str) -> str:
    return " ".join(f"a{n}: {field}" for n in range(number))


def refusal(text: str, limits: OperationLimits = LIMITS) -> str:
    with pytest.raises(TooComplex) as refused:
        parse_within(text, limits)
    return str(refused.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{" + aliases(10_000, "__typename") + "}", "characters and may have 40000"),
        ("{ __typename }" + fragments(20_000, "__typename"), "characters and may have 40000"),
        ("{" + aliases(700, "__typename") + "}", "more than 2000 tokens"),
        ("{ __typename" + " @skip(if: false)" * 400 + "}", "more than 2000 tokens"),
        ("{" + "a: __typename " * 600 + "}", "repeats too many fields"),
        ("{ ...f0 }" + fragments(150, "...f{0}"), "repeats too many fields"),
        (
            "{ ...f0 }" + fragments(16, "a: node {{ ...f{0} }} b: node {{ ...f{0} }}"),
            "repeats too many fields",
        ),
        ("{" + " ".join(f"...f{n}" for n in range(210)) + "}", "repeats too many fields"),
        ("{" + "a {" * 20 + "b" + "}" * 21, "more than 20 deep"),
        ("{ a(b: " + "[" * 100 + "]" * 100 + ") }", "nests more than 100 brackets"),
        ("{ " + "x" * 201 + ": __typename }", "has 201 characters and may have 200"),
    ],
)
def test_a_document_that_would_take_long_is_refused_before_it_is_validated(text: str, message: str) -> None:
    assert message in refusal(text)


@pytest.mark.parametrize(
    "text",
    ["{" + "a: __typename " * 600 + "}", "{" + aliases(300, "b #\n") + "}}", "{" + aliases(300, "b") + "}"],
)
def test_the_memory_of_a_document_is_free_without_a_run_of_the_garbage_collector(text: str) -> None:
    """Thousands of tokens in cycles would be freed by one run, which takes tens of milliseconds."""
    gc.collect()
    gc.disable()
    try:
        with suppress(TooComplex, GraphQLError):
            parse_within(text, LIMITS)
        assert gc.collect() < 100
    finally:
        gc.enable()


def test_fragments_that_spread_each_other_are_visited_in_bounded_work() -> None:
    """Such a cycle is an error of validation; nothing before may follow it for ever."""
    parse_within("{ ...f0 } fragment f0 on Query { ...f1 } fragment f1 on Query { ...f0 }", LIMITS)
    with_fields = "{ ...f0 } fragment f0 on Query { a { ...f1 } } fragment f1 on Query { a { ...f0 } }"
    assert "more than 20 deep" in refusal(with_fields)


def test_many_operations_that_share_fragments_are_counted_each() -> None:
    operations = " ".join(f"query q{n} {{ ...f0 }}" for n in range(100))
    assert "repeats too many fields" in refusal(
        operations + fragments(100, "b {{ ...f{0} }}"), OperationLimits(2_000, 200)
    )


def test_documents_of_tools_and_applications_fit() -> None:
    parse_within(get_introspection_query(input_value_deprecation=True), LIMITS)
    parse_within("{" + aliases(150, 'task(id: "x") { id title }') + "}", LIMITS)
    parse_within("{ ...f0 }" + fragments(40, "a{0}: __typename ...f{0}"), LIMITS)


def test_what_is_no_document_is_an_error_of_syntax() -> None:
    for text in ("{", "{" + "a {" * 600):
        with pytest.raises(GraphQLError, match="Syntax Error"):
            parse_within(text, LIMITS)


def test_a_document_beyond_the_limits_is_never_validated(monkeypatch: pytest.MonkeyPatch) -> None:
    def validate(*_: object, **__: object) -> list[GraphQLError]:
        raise AssertionError("validated")

    monkeypatch.setattr(executor_module, "validate_in_slices", validate)
    with pytest.raises(OperationRefused) as refused:
        Executor(own_schema()).prepare(OperationRequest("{" + "a: __typename " * 600 + "}"))
    assert [error["extensions"]["code"] for error in refused.value.result["errors"]] == ["TOO_COMPLEX"]


def test_a_document_of_errors_reports_the_first_ones() -> None:
    """The path of each error is searched in the whole document."""
    schema = own_schema()
    text = "{" + aliases(300, "nothing") + "}"
    assert len(core_validate(schema, parse_within(text, LIMITS))) > MAX_ERRORS
    with pytest.raises(OperationRefused) as refused:
        Executor(schema).prepare(OperationRequest(text))
    assert len(refused.value.result["errors"]) == MAX_ERRORS + 1

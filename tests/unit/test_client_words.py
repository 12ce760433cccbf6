"""What clients read about their input has GraphQL's words, and none of Python or its libraries."""

from __future__ import annotations

from typing import Any, cast

import pytest
from graphql import execute, parse, validate
from pydantic import BaseModel, Field

from api.access.callers import UNRESTRICTED
from api.graphql.error_bodies import error_body
from api.graphql.execution.execution_results import OperationRefused
from api.graphql.execution.executor import Executor
from api.graphql.execution.operation_request import OperationRequest
from api.graphql.execution.request_context import RequestContext
from api.graphql.fields.command_inputs import read_command
from api.runtime import Runtime
from domain.kernel import CreateCommand
from domain.kernel.errors import ValidationFailed
from tests.helpers.foreign_words import FOREIGN
from tests.helpers.own_contexts import own_schema
from tests.helpers.resolver_arguments import received_arguments

SCHEMA = own_schema()
CONTEXT = RequestContext(cast(Runtime, None), UNRESTRICTED, {})


FIELDS = {
    "CreateTaskInput!": "createTask(input: $v) { receipt { stream } }",
    "PatchDocumentInput!": "patchDocument(input: $v) { receipt { stream } }",
    "Int": "tasks(first: $v) { totalCount }",
    "ID!": "task(id: $v) { id }",
    "Boolean!": "__typename @skip(if: $v)",
    "DateTime": "tasks(asOf: {time: $v}) { totalCount }",
    "Position": "tasks(atLeast: $v) { totalCount }",
    "TaskFilter": "tasks(filter: $v) { totalCount }",
    "[TaskOrder!]": "tasks(orderBy: $v) { totalCount }",
}
WRONG: list[tuple[str, Any]] = [
    ("CreateTaskInput!", None),
    ("CreateTaskInput!", [None, True]),
    ("CreateTaskInput!", {"title": None}),
    ("CreateTaskInput!", {"titel": {"a": None, "b": [True, False]}}),
    ("CreateTaskInput!", {"title": True}),
    ("CreateTaskInput!", {"title": "x", "priority": {"a": None}}),
    ("CreateTaskInput!", {"title": "x", "priority": True}),
    ("CreateTaskInput!", {"title": "x", "tags": [None]}),
    ("Int", True),
    ("Int", {"a": None}),
    ("Int", 2**31),
    ("ID!", {"a": True}),
    ("Boolean!", {"a": None}),
    ("Boolean!", None),
    ("DateTime", {"a": None}),
    ("DateTime", False),
    ("Position", False),
    ("TaskFilter", {"status": {"in": [True]}}),
    ("TaskFilter", {"and": [{"title": {"eq": {"a": None}}}]}),
    ("[TaskOrder!]", [{"field": None}]),
]


@pytest.mark.parametrize(("declared", "value"), WRONG)
def test_c7_errors_about_variables_have_no_words_of_python(declared: str, value: Any) -> None:
    kind = "mutation" if "receipt" in FIELDS[declared] else "query"
    executor = Executor(SCHEMA)
    text = f"{kind} ($v: {declared}) {{ {FIELDS[declared]} }}"
    prepared = executor.prepare(OperationRequest(query=text, variables={"v": value}))
    with pytest.raises(OperationRefused) as refused:
        executor.subscribe(prepared, CONTEXT)
    for error in refused.value.result["errors"]:
        assert error["extensions"]["code"] == "VALIDATION_FAILED"
        assert not FOREIGN.search(error["message"]), error["message"]


@pytest.mark.parametrize(
    "document",
    [
        "{ tasks(first: null) { totalCount } task(id: null) { id } }",
        "{ tasks(first: true, atLeast: false) { totalCount } }",
        '{ tasks(filter: {status: "CREATED"}, asOf: {time: NOW}) { totalCount } }',
        "{ tasks(orderBy: {direction: null, up: true}) { totalCount } }",
        "mutation { createTask(input: {title: null, tags: [null]}) { receipt { stream } } }",
        "mutation { createTask(input: 7) { receipt { stream } } }",
    ],
)
def test_c7_errors_about_literals_have_no_words_of_python(document: str) -> None:
    with pytest.raises(OperationRefused) as refused:
        Executor(SCHEMA).prepare(OperationRequest(query=document))
    for error in refused.value.result["errors"]:
        assert not FOREIGN.search(error["message"]), error["message"]


def test_c7_errors_about_arguments_have_no_words_of_python() -> None:
    """Some are found only while an operation runs: a nullable variable where null is refused."""
    document = parse('query ($id: ID = "x") { task(id: $id) { id } }')
    assert not validate(SCHEMA, document)
    outcome: Any = execute(SCHEMA, document, variable_values={"id": None})
    (error,) = [error_body(error) for error in outcome.errors]
    assert error["extensions"] == {"code": "VALIDATION_FAILED"}
    assert not FOREIGN.search(error["message"]), error["message"]


def test_c7_a_variable_that_is_not_given_leaves_its_key_out_of_json() -> None:
    document = """mutation ($x: JSON, $at: DateTime, $level: Priority, $n: Float) { patchDocument(input: {
      id: "document-1", patch: {n: $x, m: 1, list: [1, $x, {k: $x}], at: $at, level: $level, f: $n}
    }) { receipt { stream } } }"""
    absent = received_arguments("Mutation", "patchDocument", document)["input"]["patch"]
    assert absent == {"m": 1, "list": [1, None, {}]}
    variables = {"x": {"é.$": [None, True]}, "at": "2026-01-31T12:00:00Z", "level": "HIGH", "n": None}
    given = received_arguments("Mutation", "patchDocument", document, **variables)["input"]["patch"]
    assert given == {
        "n": variables["x"],
        "m": 1,
        "list": [1, variables["x"], {"k": variables["x"]}],
        "at": "2026-01-31T12:00:00Z",
        "level": "HIGH",
        "f": None,
    }


class Part(BaseModel):
    """A part, and those that it is made of."""

    parts: dict[str, Part] = Field(default_factory=dict)


class Assemble(CreateCommand):
    """Assemble parts, which are JSON for clients, whose depth GraphQL does not bound."""

    parts: dict[str, Part] = Field(default_factory=dict)


@pytest.mark.parametrize("depth", [60, 150, 450])
def test_values_that_are_nested_too_deeply_are_refused(depth: int) -> None:
    value: dict[str, Any] = {"parts": {}}
    for _ in range(depth):
        value = {"parts": {"a": value}}
    with pytest.raises(ValidationFailed, match="deep"):
        read_command(Assemble, value, "input")

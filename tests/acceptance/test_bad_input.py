"""Bad input gets a typed error with code and path, and stores nothing."""

from __future__ import annotations

from typing import Any

import pytest

from api.exposure import check_exposure
from api.settings import Settings
from domain.kernel.errors import ConfigurationError
from tests.helpers.served_api import Served

CREATE = "mutation ($input: CreateTaskInput!) { createTask(input: $input) { receipt { stream } } }"


@pytest.mark.parametrize(
    ("input", "path"),
    [
        ({"title": "x", "colour": "red"}, ["input"]),
        ({"title": 5}, ["input", "title"]),
        ({"title": None}, ["input", "title"]),
        ({}, ["input"]),
        ({"title": ""}, ["input", "title"]),
        ({"title": "  "}, ["input", "title"]),
        ({"title": "x" * 201}, ["input", "title"]),
        ({"title": "x", "description": "x" * 10_001}, ["input", "description"]),
        ({"title": "x", "priority": "MIDDLING"}, ["input", "priority"]),
        ({"title": "x", "tags": ["a", ""]}, ["input", "tags", 1]),
        ({"title": "x", "tags": ["a", 1]}, ["input", "tags", 1]),
        ({"title": "x", "id": "task"}, ["input", "id"]),
        ({"title": "x", "id": "agent-1"}, ["input", "id"]),
        ({"title": "x", "agentId": "task-1"}, ["input", "agentId"]),
        ({"title": "x", "agentId": "agent-" + "1" * 200}, ["input", "agentId"]),
    ],
)
def test_a_wrong_field_is_named(served: Served, input: dict[str, Any], path: list[str]) -> None:
    before = served.stored()
    error = served.refused(CREATE, input=input)
    assert error["extensions"] == {"code": "VALIDATION_FAILED", "path": path}
    assert served.stored() == before


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ('{title: "x", colour: "red"}', ["input", "colour"]),
        ("{title: 5}", ["input", "title"]),
        ("{}", ["input"]),
        ('{title: "x", tags: ["a", 1]}', ["input", "tags", 1]),
    ],
)
def test_a_wrong_field_in_the_document_is_named(served: Served, document: str, path: list[str]) -> None:
    error = served.refused(f"mutation {{ createTask(input: {document}) {{ receipt {{ stream }} }} }}")
    assert error["extensions"] == {"code": "VALIDATION_FAILED", "path": path}


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("{ tasks { nodes { colour } } }", ["tasks", "nodes", "colour"]),
        ("{ tasks(colour: RED) { totalCount } }", ["colour"]),
        ("{ task { id } }", ["task"]),
        ("{ tasks(first: -1) { totalCount } }", ["first"]),
        ("{ tasks(first: 201) { totalCount } }", ["first"]),
        ("{ tasks(first: 2, last: 2) { totalCount } }", ["last"]),
        ('{ tasks(after: "nonsense") { totalCount } }', ["after"]),
        ('{ tasks(last: 2, before: "nonsense") { totalCount } }', ["before"]),
        ('{ tasks(atLeast: "nonsense") { totalCount } }', ["atLeast"]),
        ('{ events(after: "nonsense") { nodes { id } } }', ["after"]),
        ("{ events(after: 7) { nodes { id } } }", ["after"]),
        ("{ tasks(filter: {status: {contains: CREATED}}) { totalCount } }", ["filter", "status", "contains"]),
        ("{ tasks(filter: {status: 1}) { totalCount } }", ["filter", "status"]),
        ('{ tasks(filter: {createdAt: {lt: "now"}}) { totalCount } }', ["filter", "createdAt", "lt"]),
        ('{ tasks(filter: {createdAt: {lt: "2026-01-01"}}) { totalCount } }', ["filter", "createdAt", "lt"]),
        ("{ tasks(orderBy: [{field: TITLE}, {field: TITLE}]) { totalCount } }", ["orderBy", 1]),
        ('{ events(filter: {since: "x"}) { nodes { id } } }', ["filter", "since"]),
        ('{ tasks(search: " ") { totalCount } }', ["search"]),
        ("{ tasks(search: 7) { totalCount } }", ["search"]),
        ('{ agents(search: "ada") { totalCount } }', ["search"]),
    ],
)
def test_a_wrong_query_is_refused_with_the_place(served: Served, query: str, path: list[Any]) -> None:
    assert served.refused(query)["extensions"] == {"code": "VALIDATION_FAILED", "path": path}


@pytest.mark.parametrize(
    "filter",
    [
        "title: null",
        "title: {eq: $none}",
        "title: {in: null, contains: null}",
        "and: null",
        "or: null, not: null",
    ],
)
def test_c6_a_null_in_a_filter_is_the_same_as_leaving_it_out(served: Served, filter: str) -> None:
    declared = "($none: String)" if "$none" in filter else ""
    others = "orderBy: null, first: null, after: null, atLeast: null, asOf: null, search: null"
    served.do("createTask", title="x")
    everything = served.ask("{ tasks { totalCount } }")
    query = f"query {declared} {{ tasks(filter: {{{filter}}}, {others}) {{ totalCount }} }}"
    assert served.ask(query) == everything


def test_c6_a_null_argument_is_the_same_as_leaving_it_out(served: Served) -> None:
    call = (
        'createTask(input: {title: "x", priority: null}, await: null, commandId: null, expectedVersion: null)'
    )
    created = served.ask(f"mutation {{ {call} {{ task {{ id }} receipt {{ version }} }} }}")["createTask"]
    assert created == {"task": None, "receipt": {"version": 1}}


@pytest.mark.parametrize(
    "other",
    [
        {"orderBy": [{"field": "CREATED_AT"}]},
        {"orderBy": [{"field": "TITLE", "direction": "DESC"}]},
        {"filter": {"title": {"eq": "y"}}},
        {"filter": None},
        {"search": "x"},
    ],
)
def test_a_cursor_of_another_query_is_refused(served: Served, other: dict[str, Any]) -> None:
    served.do("createTask", title="x")
    query = """query ($filter: TaskFilter, $search: String, $orderBy: [TaskOrder!], $after: String) {
      tasks(filter: $filter, search: $search, orderBy: $orderBy, after: $after) {
        pageInfo { endCursor } } }"""
    asked = {"orderBy": [{"field": "TITLE"}], "filter": {"title": {"eq": "x"}}}
    after = served.ask(query, **asked)["tasks"]["pageInfo"]["endCursor"]
    served.ask(query, **asked, after=after)
    error = served.refused(query, **{**asked, **other}, after=after)
    assert error["extensions"] == {"code": "VALIDATION_FAILED", "path": ["after"]}
    cursor_of_agents = "{ agents { pageInfo { endCursor } } }"
    served.do("registerAgent", name="Ada")
    after = served.ask(cursor_of_agents)["agents"]["pageInfo"]["endCursor"]
    error = served.refused(query, after=after)
    assert error["extensions"] == {"code": "VALIDATION_FAILED", "path": ["after"]}


def test_an_unknown_id_is_not_found(served: Served) -> None:
    before = served.stored()
    document = 'mutation { startTask(input: {id: "task-unknown"}) { receipt { stream } } }'
    assert served.refused(document)["extensions"] == {"code": "NOT_FOUND"}
    agent = served.refused(CREATE, input={"title": "x", "agentId": "agent-unknown"})
    assert agent["extensions"] == {"code": "NOT_FOUND"}
    assert served.ask('{ node(id: "cheese-1") { id } }') == {"node": None}
    assert served.ask('{ task(id: "task-unknown") { id } }') == {"task": None}
    assert served.stored() == before


def test_a_wrong_expected_version_is_a_conflict_that_names_both(served: Served) -> None:
    task = served.do("createTask", title="x")["stream"]
    before = served.stored()
    document = (
        f'mutation {{ cancelTask(input: {{id: "{task}"}}, expectedVersion: %d) {{ receipt {{ version }} }} }}'
    )
    assert served.refused(document % 7)["extensions"] == {
        "code": "CONCURRENCY_CONFLICT",
        "stream": task,
        "expectedVersion": 7,
        "version": 1,
    }
    assert served.refused(document % -1)["extensions"] == {
        "code": "VALIDATION_FAILED",
        "path": ["expectedVersion"],
    }
    assert served.stored() == before
    assert served.ask(document % 1) == {"cancelTask": {"receipt": {"version": 2}}}


def test_a_command_that_a_rule_refuses_stores_nothing(served: Served) -> None:
    task = served.do("createTask", title="x")["stream"]
    served.do("cancelTask", id=task)
    before = served.stored()
    document = f'mutation {{ completeTask(input: {{id: "{task}"}}) {{ receipt {{ version }} }} }}'
    error = served.refused(document)
    assert (error["extensions"], error["path"]) == ({"code": "INVARIANT_VIOLATED"}, ["completeTask"])
    assert served.stored() == before


def test_the_id_of_another_kind_is_refused_with_the_path_into_the_input(served: Served) -> None:
    error = served.refused('mutation { completeTask(input: {id: "agent-1"}) { receipt { version } } }')
    assert error["extensions"] == {"code": "VALIDATION_FAILED", "path": ["input", "id"]}
    assert "is not the id of a task" in error["message"]


@pytest.mark.parametrize("id", ["", "x" * 129])
def test_a_command_id_that_is_none_is_refused(served: Served, id: str) -> None:
    document = (
        'mutation ($id: ID) { registerAgent(input: {name: "x"}, commandId: $id) { receipt { version } } }'
    )
    error = served.refused(document, id=id)
    assert error["extensions"] == {"code": "VALIDATION_FAILED", "path": ["commandId"]}


@pytest.mark.parametrize("size", [100_001, 1_000_000])
def test_a_body_over_the_limit_is_refused(served: Served, size: int) -> None:
    response = served.post(b" " * size)
    assert response.status_code == 413
    assert response.json()["errors"][0]["extensions"] == {"code": "VALIDATION_FAILED", "path": ["body"]}


def test_a_body_at_the_limit_is_taken(served: Served) -> None:
    body = b'{"query": "{ __typename }"}'
    assert served.post(body + b" " * (100_000 - len(body))).json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"", ["body"]),
        (b"{", ["body"]),
        (b'{"query": "\xff"}', ["body"]),
        (b"[]", ["body"]),
        (b"{}", ["query"]),
        (b'{"query": 5}', ["query"]),
        (b'{"query": "{ __typename }", "variables": []}', ["variables"]),
        (b'{"query": "{ __typename }", "operationName": 5}', ["operationName"]),
    ],
)
def test_a_body_that_is_no_request_is_refused(served: Served, body: bytes, path: list[str]) -> None:
    response = served.post(body)
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"] == {"code": "VALIDATION_FAILED", "path": path}


@pytest.mark.parametrize("content", ["text/plain", "application/json; charset=latin-1", ""])
def test_a_body_of_another_type_is_refused(served: Served, content: str) -> None:
    response = served.post(b'{"query": "{ __typename }"}', content_type=content)
    assert response.status_code == 415


@pytest.mark.parametrize("depth", [2_000, 9_000])
def test_what_is_nested_too_deeply_is_refused_like_other_bad_input(served: Served, depth: int) -> None:
    """Tokens are counted first: a document with too many is not parsed."""
    for query in ("{" + "a{" * depth, "{" + "a{" * depth + "b" + "}" * depth + "}"):
        response = served.post({"query": query})
        assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (
            200,
            "TOO_COMPLEX",
        )


def test_json_that_no_event_can_hold_is_refused(served: Served) -> None:
    agent = served.do("registerAgent", name="one")["stream"]
    task = served.do("createTask", title="x", agentId=agent)["stream"]
    call = f'completeTask(input: {{id: "{task}", result: $result}})'
    document = f"mutation ($result: JSON) {{ {call} {{ receipt {{ version }} }} }}"
    for result in (2**63, {"a\0": 1}, {"$ref": "a", "$id": 1}):
        error = served.refused(document, result=result)
        assert error["extensions"]["code"] == "VALIDATION_FAILED"
        assert error["extensions"]["path"][:2] == ["input", "result"]


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.org"])
def test_an_address_that_strangers_reach_needs_a_word_of_its_own(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigurationError, match="NERVE_INSECURE_OPEN=yes"):
        check_exposure(Settings(host=host))
    monkeypatch.setenv("NERVE_INSECURE_OPEN", "yes")
    check_exposure(Settings(host=host))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_a_loopback_address_needs_none(host: str) -> None:
    check_exposure(Settings(host=host))

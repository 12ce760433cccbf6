"""Root fields stand alone: an error of one leaves the data of the others, on every transport."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from graphql import GraphQLNonNull
from pymongo import MongoClient

from tests.helpers.own_contexts import own_schema
from tests.helpers.served_api import Served, serve
from tests.helpers.stream_responses import APOLLO, SSE, events, streaming

COMMANDS = """mutation ($task: ID!) {
  a: createTask(input: { id: $task, title: "a" }) { receipt { stream version } }
  b: startTask(input: { id: "task-unknown" }) { receipt { stream version } }
  c: cancelTask(input: { id: $task }) { receipt { stream version } }
  d: createTask(input: { id: $task, title: "d" }) { receipt { stream version } }
}"""
BAD_CURSOR = """query ($task: ID!) {
  a: task(id: $task) { id }
  b: tasks(after: "xyz") { nodes { id } }
  c: agents { nodes { id } }
  d: taskHistory(id: $task, after: "xyz") { nodes { version: position } }
}"""

Run = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def served(mongo_url: str, redis_url: str) -> Iterator[Served]:
    database = f"test_{uuid4().hex}"
    own: dict[str, Any] = {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}
    with serve(**own, max_batch=2, max_rows=12) as running:
        yield running
    with MongoClient[dict[str, object]](mongo_url) as client:
        client.drop_database(database)


def by_post(served: Served, query: str, **variables: Any) -> dict[str, Any]:
    response = served.post(
        {"query": query, "variables": variables}, accept="application/graphql-response+json"
    )
    assert response.status_code == 200
    result: dict[str, Any] = response.json()
    return result


def by_batch(served: Served, query: str, **variables: Any) -> dict[str, Any]:
    [result, _] = served.post([{"query": query, "variables": variables}, {"query": "{ __typename }"}]).json()
    return dict(result)


def by_event_stream(served: Served, query: str, **variables: Any) -> dict[str, Any]:
    with streaming(served, SSE, query, **variables) as response:
        return dict(next(said for name, said in events(response) if name == "next"))


def by_multipart(served: Served, query: str, **variables: Any) -> dict[str, Any]:
    with streaming(served, APOLLO, query, **variables) as response:
        # One result is no stream: it is a whole response.
        response.read()
        return dict(response.json())


def by_socket(served: Served, query: str, **variables: Any) -> dict[str, Any]:
    async def run() -> dict[str, Any]:
        async with served.client() as client:
            await client.subscribe("1", query, **variables)
            message = await client.receive()
        assert message["type"] == "next"
        return dict(message["payload"])

    return asyncio.run(run())


TRANSPORTS = [by_post, by_batch, by_event_stream, by_multipart, by_socket]


@pytest.mark.parametrize("run", TRANSPORTS)
def test_c2_commands_after_a_refused_one_run_and_no_receipt_is_lost(served: Served, run: Run) -> None:
    task = f"task-{uuid4().hex}"
    result = run(served, COMMANDS, task=task)
    assert result["data"] == {
        "a": {"receipt": {"stream": task, "version": 1}},
        "b": None,
        "c": {"receipt": {"stream": task, "version": 2}},
        "d": None,
    }
    refusals = [(error["path"], error["extensions"]["code"]) for error in result["errors"]]
    assert refusals == [(["b"], "NOT_FOUND"), (["d"], "INVARIANT_VIOLATED")]


@pytest.mark.parametrize("run", TRANSPORTS)
def test_c2_a_bad_cursor_takes_no_other_field(served: Served, run: Run) -> None:
    task = served.do("createTask", title="x")["stream"]
    result = run(served, BAD_CURSOR, task=task)
    assert result["data"] == {"a": {"id": task}, "b": None, "c": {"nodes": []}, "d": None}
    assert [(error["path"], error["extensions"]) for error in result["errors"]] == [
        (["b"], {"code": "VALIDATION_FAILED", "path": ["after"]}),
        (["d"], {"code": "VALIDATION_FAILED", "path": ["after"]}),
    ]


def test_c2_get_answers_with_the_good_fields(served: Served) -> None:
    query = '{ a: agents { nodes { id } } b: agents(after: "xyz") { nodes { id } } }'
    response = served.http.get("/graphql", params={"query": query})
    assert response.status_code == 200
    assert response.json()["data"] == {"a": {"nodes": []}, "b": None}


def test_a_bad_cursor_of_a_link_takes_the_link_alone(served: Served) -> None:
    agent = served.do("registerAgent", name="x")["stream"]
    query = """query ($id: ID!) { agent(id: $id) { name
      tasks(first: 1) { nodes { id } } more: tasks(after: "xyz") { nodes { id } } } }"""
    result = served.run(query, id=agent)
    assert result["data"]["agent"] == {"name": "x", "tasks": {"nodes": []}, "more": None}
    assert [error["path"] for error in result["errors"]] == [["agent", "more"]]


def test_too_many_rows_in_a_payload_leave_the_receipts(served: Served) -> None:
    agent = served.do("registerAgent", name="x")["stream"]
    for number in range(4):
        served.do("createTask", title=str(number), agentId=agent)
    command = f"""(input: {{ title: "last", agentId: "{agent}" }}, await: PROJECTED) {{
      task {{ agent {{ tasks {{ nodes {{ agent {{ tasks {{ nodes {{ id }} }} }} }} }} }} }}
      receipt {{ version }} }}"""
    result = served.run(f"mutation {{ a: createTask{command} b: createTask{command} }}")
    receipts = [result["data"][name]["receipt"] for name in "ab"]
    assert receipts == [{"version": 2}, {"version": 2}]
    assert {error["extensions"]["code"] for error in result["errors"]} == {"TOO_COMPLEX"}
    assert [error["path"][0] for error in result["errors"]] == ["a", "b"]


def test_too_many_rows_of_a_query_take_the_whole_response(served: Served) -> None:
    agent = served.do("registerAgent", name="x")["stream"]
    for number in range(4):
        served.do("createTask", title=str(number), agentId=agent)
    many = "agent { tasks(first: 5) { nodes { agent { tasks(first: 5) { nodes { id } } } } } }"
    of_agent = f'tasks(first: 5, filter: {{ agentId: {{ eq: "{agent}" }} }})'
    result = served.run(
        f"{{ a: agents(first: 1) {{ nodes {{ id }} }} b: {of_agent} {{ nodes {{ {many} }} }} }}"
    )
    assert result["data"] is None
    assert [error["extensions"]["code"] for error in result["errors"]] == ["TOO_COMPLEX"]


def test_every_root_field_of_queries_and_mutations_is_nullable() -> None:
    schema = own_schema()
    for root in (schema.query_type, schema.mutation_type):
        assert root is not None
        assert [name for name, field in root.fields.items() if isinstance(field.type, GraphQLNonNull)] == []

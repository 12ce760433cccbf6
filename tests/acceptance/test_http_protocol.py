"""GraphQL over HTTP: methods, media types and status codes, as the specification says."""

from __future__ import annotations

from urllib.parse import quote

import orjson
import pytest

from tests.served import Served

COUNT = "{ tasks { totalCount } }"
ANSWER = {"data": {"tasks": {"totalCount": 0}}}
GRAPHQL = "application/graphql-response+json"
MUTATION = 'mutation { registerAgent(input: {name: "x"}) { receipt { version } } }'


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        (GRAPHQL, GRAPHQL),
        ("application/json", "application/json"),
        (f"application/json;q=0, {GRAPHQL}", GRAPHQL),
        ("text/html, */*", "application/json"),
    ],
)
def test_the_answer_has_a_type_that_the_client_accepts(served: Served, accept: str, answered: str) -> None:
    response = served.post({"query": COUNT}, accept=accept)
    assert (response.status_code, response.json()) == (200, ANSWER)
    assert response.headers["content-type"] == f"{answered}; charset=utf-8"


def test_a_client_that_accepts_nothing_nerve_speaks_is_told_so(served: Served) -> None:
    assert served.post({"query": COUNT}, accept="text/html").status_code == 406


@pytest.mark.parametrize(("accept", "status"), [(GRAPHQL, 400), ("application/json", 200)])
@pytest.mark.parametrize("query", ["{", "{ nope }", "query ($id: ID!) { task(id: $id) { id } }"])
def test_an_operation_that_is_not_run_is_a_client_error(
    served: Served, query: str, accept: str, status: int
) -> None:
    response = served.post({"query": query}, accept=accept)
    assert response.status_code == status
    assert "data" not in response.json()


def test_an_operation_that_failed_while_it_ran_is_answered_with_200(served: Served) -> None:
    response = served.post({"query": '{ node(id: "x") { id } }'}, accept=GRAPHQL)
    assert (response.status_code, response.json()["data"]) == (200, {"node": None})


def test_a_query_may_come_by_get(served: Served) -> None:
    query, variables = "query ($n: Int) { tasks(first: $n) { totalCount } }", orjson.dumps({"n": 5}).decode()
    response = served.get(f"/graphql?query={quote(query)}&variables={quote(variables)}")
    assert (response.status_code, response.json()) == (200, ANSWER)


def test_a_mutation_may_not_come_by_get(served: Served) -> None:
    response = served.get(f"/graphql?query={quote(MUTATION)}")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert served.stored() == []


def test_one_of_several_operations_is_chosen_by_its_name(served: Served) -> None:
    document = "query a { tasks { totalCount } } query b { __typename }"
    assert served.post({"query": document, "operationName": "a"}).json() == ANSWER
    assert served.post({"query": document}).json()["errors"][0]["extensions"]["path"] == ["operationName"]


def test_moments_are_written_in_utc_with_milliseconds_inside_json_too(served: Served) -> None:
    agent = served.do("registerAgent", name="one")["stream"]
    task = served.do("createTask", title="x", agentId=agent)["stream"]
    served.do("startTask", id=task)
    query = '{ events(filter: {types: ["task.started"]}) { nodes { time data } } }'
    [event] = served.ask(query)["events"]["nodes"]
    assert event["data"]["started_at"] == event["time"]
    assert event["time"].endswith("Z")
    assert len(event["time"]) == len("2026-01-31T12:00:00.000Z")


def test_the_front_page_leads_to_the_console(served: Served) -> None:
    response = served.get("/")
    assert (response.status_code, response.headers["location"]) == (307, "/graphiql")

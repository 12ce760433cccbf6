"""GraphQL over HTTP: methods, media types and status codes, as the specification says."""

from __future__ import annotations

from hashlib import sha256
from urllib.parse import quote

import orjson
import pytest

from tests.helpers.served_api import Served

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


def test_what_a_url_leaves_empty_is_not_there(served: Served) -> None:
    query = f"/graphql?query={quote(COUNT)}"
    assert served.get(f"{query}&operationName=&extensions=null&variables=").json() == ANSWER
    assert served.post({"query": COUNT, "operationName": ""}, accept=GRAPHQL).json() == ANSWER


@pytest.mark.parametrize("name", ["variables", "extensions"])
@pytest.mark.parametrize("text", ["{", "[]", "7"])
def test_what_is_no_object_in_a_url_is_refused(served: Served, name: str, text: str) -> None:
    response = served.get(f"/graphql?query={quote(COUNT)}&{name}={quote(text)}")
    assert (response.status_code, response.json()["errors"][0]["extensions"]["path"]) == (400, [name])


def test_the_head_of_an_answer_may_be_asked_for_alone(served: Served) -> None:
    response = served.http.head(f"/graphql?query={quote(COUNT)}")
    assert (response.status_code, response.content) == (200, b"")
    assert int(response.headers["content-length"]) == len(orjson.dumps(ANSWER))


@pytest.mark.parametrize("method", ["PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_not_allowed(served: Served, method: str) -> None:
    response = served.http.request(method, "/graphql")
    assert response.status_code == 405
    assert "POST" in response.headers["allow"]


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
    assert event["data"]["startedAt"] == event["time"]
    assert event["time"].endswith("Z")
    assert len(event["time"]) == len("2026-01-31T12:00:00.000Z")


def test_the_front_page_leads_to_the_console(served: Served) -> None:
    response = served.get("/")
    assert (response.status_code, response.headers["location"]) == (307, "graphiql")


def test_there_is_no_address_of_traces_where_no_context_records_them(served: Served) -> None:
    assert served.http.post("/v1/traces", content=b"").status_code == 404


def test_a_client_gets_no_body_for_a_result_that_it_has(served: Served) -> None:
    """By GET with the tag of the result, for as long as no row changes; the document is sent by its hash."""
    text = "query Tagged { agents { totalCount } }"
    served.post({"query": text, "documentId": sha256(text.encode()).hexdigest()})
    path = f"/graphql?documentId={sha256(text.encode()).hexdigest()}"
    for _ in range(3):
        response = served.get(path)
        tag, count = response.headers["etag"], response.json()["data"]["agents"]["totalCount"]
        assert response.headers["cache-control"] == "private, no-cache"
        same = served.get(path, **{"if-none-match": tag})
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    served.do("registerAgent", name="x")
    other = served.get(path, **{"if-none-match": tag})
    assert (other.status_code, other.json()) == (200, {"data": {"agents": {"totalCount": count + 1}}})
    assert other.headers["etag"] != tag
    assert "etag" not in served.post({"query": text}).headers
    assert "etag" not in served.get(f"/graphql?query={quote('{ agents(first: -1) { totalCount } }')}").headers

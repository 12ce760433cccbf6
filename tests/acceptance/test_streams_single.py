"""Single connection mode of graphql-sse: reservation, stream, and operations by requests of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest
from pymongo import MongoClient

from tests.helpers.served_api import Served, serve
from tests.helpers.stream_responses import SSE, events

HEADER = "x-graphql-event-stream-token"
FOLLOW = "subscription { events { __typename ... on Event { type } } }"
COUNT = "{ agents { totalCount } }"
MUTATION = 'mutation { registerAgent(input: {name: "x"}) { receipt { version } } }'
GRAPHQL = "application/graphql-response+json"


@pytest.fixture(scope="module")
def served(mongo_url: str, redis_url: str) -> Iterator[Served]:
    database = f"test_{uuid4().hex}"
    own = {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}
    with serve(**own, worker=False, max_operations=2) as running:
        yield running
    with MongoClient[dict[str, object]](mongo_url) as client:
        client.drop_database(database)


@pytest.fixture
def token(served: Served) -> str:
    """Of a new reservation."""
    response = served.http.put("/graphql")
    assert (response.status_code, response.headers["content-type"]) == (201, "text/plain; charset=utf-8")
    return response.text


@contextmanager
def opened(served: Served, token: str) -> Iterator[Iterator[tuple[str, Any]]]:
    """What the stream tells, without signs of life."""
    headers = {"accept": SSE, HEADER: token}
    with served.http.stream("GET", "/graphql", headers=headers) as response:
        assert (response.status_code, response.headers["content-type"]) == (200, f"{SSE}; charset=utf-8")
        yield (event for event in events(response) if event[0])


def begin(served: Served, token: str, id: Any, query: str, **headers: str) -> httpx.Response:
    """Ask for an operation whose results go into the stream."""
    body = {"query": query, "extensions": {"operationId": id}}
    return served.post(body, **{HEADER: token, **headers})


def complete(served: Served, token: str, id: str) -> httpx.Response:
    """End an operation."""
    return served.http.delete("/graphql", params={"operationId": id}, headers={HEADER: token})


def extensions(response: httpx.Response) -> dict[str, Any]:
    """Of its one error."""
    [error] = response.json()["errors"]
    found: dict[str, Any] = error["extensions"]
    return found


def test_operations_tell_their_results_under_their_ids(served: Served, token: str) -> None:
    with opened(served, token) as told:
        assert begin(served, token, "follow", FOLLOW).status_code == 202
        assert next(told)[1]["payload"] == {"data": {"events": {"__typename": "CaughtUp"}}}
        answer = begin(served, token, "once", MUTATION)
        assert (answer.status_code, answer.content) == (202, b"")
        told_now = [next(told) for _ in range(3)]
    assert sorted(told_now, key=str) == [
        ("complete", {"id": "once"}),
        (
            "next",
            {
                "id": "follow",
                "payload": {"data": {"events": {"__typename": "Event", "type": "agent.registered"}}},
            },
        ),
        (
            "next",
            {"id": "once", "payload": {"data": {"registerAgent": {"receipt": {"version": 1}}}}},
        ),
    ]


def test_what_was_begun_before_the_stream_is_open_is_told_in_it(served: Served, token: str) -> None:
    assert begin(served, token, "early", COUNT).status_code == 202
    with opened(served, token) as told:
        assert [next(told)[1]["id"], next(told)] == ["early", ("complete", {"id": "early"})]


def test_an_ended_operation_tells_nothing_more_and_its_id_is_free(served: Served, token: str) -> None:
    with opened(served, token) as told:
        begin(served, token, "1", FOLLOW)
        assert next(told)[0] == "next"
        for _ in range(2):
            answer = complete(served, token, "1")
            assert (answer.status_code, answer.content) == (200, b"")
        served.do("registerAgent", wait="STORED", name="x")
        begin(served, token, "1", COUNT)
        assert next(told)[1]["payload"] == {"data": {"agents": {"totalCount": 0}}}


def test_a_browser_shows_its_token_in_the_url(served: Served, token: str) -> None:
    url = f"/graphql?token={quote(token)}"
    with served.http.stream("GET", url, headers={"accept": SSE}) as response:
        extensions = quote('{"operationId": "1"}')
        operation = f"{url}&query={quote(COUNT)}&extensions={extensions}"
        assert served.get(operation, accept="application/json").status_code == 202
        assert next(told for name, told in events(response) if name)["id"] == "1"


def test_a_stream_is_opened_once(served: Served, token: str) -> None:
    with opened(served, token):
        again = served.get("/graphql", **{"accept": SSE, HEADER: token})
        assert again.status_code == 409
    unknown = served.get("/graphql", **{"accept": SSE, HEADER: "unknown"})
    assert (unknown.status_code, extensions(unknown)) == (404, {"code": "NOT_FOUND"})


def test_nothing_goes_into_a_stream_that_is_not_there(served: Served) -> None:
    assert begin(served, "unknown", "1", MUTATION).status_code == 404
    assert complete(served, "unknown", "1").status_code == 404
    assert served.http.delete("/graphql").status_code == 404


def test_a_token_is_worth_nothing_after_its_stream(served: Served, token: str) -> None:
    with opened(served, token) as told:
        begin(served, token, "1", FOLLOW)
        assert next(told)[0] == "next"
    # The server may hear of the end a little later.
    while begin(served, token, "2", COUNT).status_code != 404:
        complete(served, token, "2")


@pytest.mark.parametrize("id", [None, "", 7, ["1"]])
def test_an_operation_needs_an_id(served: Served, token: str, id: Any) -> None:
    answer = begin(served, token, id, MUTATION)
    assert answer.status_code == 400
    assert extensions(answer) == {"code": "VALIDATION_FAILED", "path": ["operationId"]}
    assert served.http.delete("/graphql", headers={HEADER: token}).status_code == 400


def test_an_id_is_in_use_until_its_operation_ends(served: Served, token: str) -> None:
    assert begin(served, token, "1", FOLLOW).status_code == 202
    assert begin(served, token, "1", COUNT).status_code == 409


def test_a_stream_has_so_many_operations(served: Served, token: str) -> None:
    for name in ("1", "2"):
        assert begin(served, token, name, FOLLOW).status_code == 202
    answer = begin(served, token, "3", FOLLOW)
    assert (answer.status_code, extensions(answer)) == (429, {"code": "RATE_LIMITED"})


@pytest.mark.parametrize(("accept", "status"), [(GRAPHQL, 400), ("application/json", 200)])
def test_what_cannot_be_run_is_answered_at_once(served: Served, token: str, accept: str, status: int) -> None:
    answer = begin(served, token, "1", "{ nope }", accept=accept)
    assert (answer.status_code, extensions(answer)["code"]) == (status, "VALIDATION_FAILED")


def test_what_turns_out_wrong_later_is_told_in_the_stream(served: Served, token: str) -> None:
    with opened(served, token) as told:
        wrong = begin(served, token, "1", "query ($id: ID!) { agent(id: $id) { id } }")
        assert wrong.status_code == 202
        name, said = next(told)
        assert (name, said["id"], "data" in said["payload"]) == ("next", "1", False)
        assert next(told) == ("complete", {"id": "1"})
        begin(served, token, "2", 'subscription { events(after: "nonsense") { __typename } }')
        said = next(told)[1]
        assert said["payload"]["errors"][0]["extensions"]["path"] == ["after"]
        assert next(told) == ("complete", {"id": "2"})

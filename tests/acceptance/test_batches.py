"""Several operations in one request, where the settings allow it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient

from tests.helpers.served_api import Served, serve

COUNT = {"query": "{ agents { totalCount } }"}
ANSWER = {"data": {"agents": {"totalCount": 0}}}
GRAPHQL = "application/graphql-response+json"
MUTATION = 'mutation { registerAgent(input: {name: "x"}) { receipt { version } } }'


@pytest.fixture(scope="module")
def batching(mongo_url: str, redis_url: str) -> Iterator[Served]:
    database = f"test_{uuid4().hex}"
    own = {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}
    with serve(**own, worker=False, max_batch=3) as running:
        yield running
    with MongoClient[dict[str, object]](mongo_url) as client:
        client.drop_database(database)


@pytest.mark.parametrize("accept", ["application/json", GRAPHQL])
def test_each_operation_is_answered_in_its_place_whatever_becomes_of_the_others(
    batching: Served, accept: str
) -> None:
    response = batching.post([{"query": "{ nope }"}, COUNT, {"nope": 1}], accept=accept)
    assert (response.status_code, response.headers["content-type"]) == (200, f"{accept}; charset=utf-8")
    invalid, answer, incomplete = response.json()
    assert answer == ANSWER
    assert invalid["errors"][0]["extensions"]["path"] == ["nope"]
    assert incomplete["errors"][0]["extensions"]["path"] == ["query"]


def test_mutations_may_be_batched_and_subscriptions_not(batching: Served) -> None:
    stored = len(batching.stored())
    subscription = {"query": "subscription { events { __typename } }"}
    *receipts, refused = batching.post([{"query": MUTATION}, {"query": MUTATION}, subscription]).json()
    assert receipts == [{"data": {"registerAgent": {"receipt": {"version": 1}}}}] * 2
    assert refused["errors"][0]["extensions"] == {"code": "VALIDATION_FAILED", "path": ["query"]}
    assert len(batching.stored()) == stored + 2


@pytest.mark.parametrize("body", [[], [COUNT] * 4, [COUNT, 7]])
def test_what_is_no_batch_is_refused_as_a_whole(batching: Served, body: list[Any]) -> None:
    response = batching.post(body)
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"] == {"code": "VALIDATION_FAILED", "path": ["body"]}


def test_a_batch_is_not_streamed(batching: Served) -> None:
    assert batching.post([COUNT], accept="text/event-stream").status_code == 400
    token = batching.http.put("/graphql").text
    assert batching.post([COUNT], x_graphql_event_stream_token=token).status_code == 400


def test_without_the_setting_there_are_none(served: Served) -> None:
    assert served.post([COUNT]).status_code == 400

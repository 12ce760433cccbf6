"""Subscriptions over HTTP: server-sent events, and multipart as Apollo and others read it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from pymongo import MongoClient

from tests.helpers.served_api import Served, serve
from tests.helpers.stream_responses import APOLLO, BEAT, SSE, events, parts, results, streaming

FOLLOW = (
    "subscription ($after: Position) { events(after: $after) { __typename ... on Message { position } } }"
)
NAMES = "subscription { agents(first: 1) { __typename ... on AgentChanged { agent { name } } } }"
COUNT = "{ agents { totalCount } }"
MULTIPART = 'multipart/mixed; boundary="-"'
SUBSCRIPTION = 'multipart/mixed; boundary="graphql"; subscriptionSpec=1.0'


@pytest.fixture(scope="module")
def served(mongo_url: str, redis_url: str) -> Iterator[Served]:
    database = f"test_{uuid4().hex}"
    with serve(mongo_url=mongo_url, redis_url=redis_url, database=database, ping_interval=0.2) as running:
        yield running
    with MongoClient[dict[str, object]](mongo_url) as client:
        client.drop_database(database)


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        (SSE, f"{SSE}; charset=utf-8"),
        ("*/*", f"{SSE}; charset=utf-8"),
        ("text/*;q=0.5, application/json", f"{SSE}; charset=utf-8"),
        # urql
        ("text/event-stream, multipart/mixed", f"{SSE}; charset=utf-8"),
        # Apollo Client 3 and 4, Apollo's documentation
        (APOLLO, SUBSCRIPTION),
        (
            "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,"
            "application/graphql-response+json,application/json;q=0.9",
            SUBSCRIPTION,
        ),
        ('multipart/mixed; boundary="graphql"; subscriptionSpec="1.0", application/json', SUBSCRIPTION),
        # meros before, and what asks for @defer at the same time
        ("multipart/mixed", MULTIPART),
        ("multipart/mixed;deferSpec=20220824, application/json", MULTIPART),
        ("text/event-stream;q=0.1, multipart/mixed;q=0.2", MULTIPART),
        ("text/event-stream;q=0, */*", MULTIPART),
    ],
)
def test_a_subscription_is_answered_in_a_type_that_the_client_accepts(
    served: Served, accept: str, answered: str
) -> None:
    with streaming(served, accept, FOLLOW) as response:
        assert (response.status_code, response.headers["content-type"]) == (200, answered)
        assert response.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json", "text/html"])
def test_who_accepts_no_stream_cannot_subscribe_over_http(served: Served, accept: str) -> None:
    response = served.post({"query": FOLLOW}, accept=accept)
    assert response.status_code == 406
    assert response.json()["errors"][0]["extensions"] == {"code": "VALIDATION_FAILED", "path": ["accept"]}


def test_i10_events_over_sse_are_resumed_where_they_were(served: Served) -> None:
    with streaming(served, SSE, FOLLOW) as response:
        told = results(response)
        assert next(told)["__typename"] == "CaughtUp"
        served.do("registerAgent", name="one")
        after = next(told)["position"]
    served.do("registerAgent", name="two")
    with streaming(served, SSE, FOLLOW, after=after) as response:
        told = results(response)
        assert [next(told)["__typename"] for _ in range(2)] == ["Event", "CaughtUp"]
        served.do("registerAgent", name="three")
        assert next(told)["__typename"] == "Event"


def test_a_browser_subscribes_by_get(served: Served) -> None:
    with served.http.stream("GET", f"/graphql?query={quote(FOLLOW)}", headers={"accept": SSE}) as response:
        assert next(results(response))["__typename"] == "CaughtUp"


def test_a_subscription_has_no_head(served: Served) -> None:
    response = served.http.head(f"/graphql?query={quote(FOLLOW)}", headers={"accept": SSE})
    assert (response.status_code, response.headers["allow"]) == (405, "GET, POST")


@pytest.mark.parametrize(("accept", "wrapped"), [(APOLLO, True), ("multipart/mixed", False)])
def test_a_live_view_over_multipart_tells_each_change_in_a_part(
    served: Served, accept: str, wrapped: bool
) -> None:
    with streaming(served, accept, NAMES) as response:
        told = (part["payload"] if wrapped else part for part in parts(response) if part)
        assert next(told)["data"]["agents"]["__typename"] == "AgentsSnapshot"
        assert next(told)["data"]["agents"]["__typename"] == "CaughtUp"
        served.do("registerAgent", name="multi")
        assert next(told) == {"data": {"agents": {"__typename": "AgentChanged", "agent": {"name": "multi"}}}}


def test_a_silent_stream_gives_signs_of_life(served: Served) -> None:
    with streaming(served, SSE, FOLLOW) as response:
        assert _in_a_row(3, BEAT, events(response))
    with streaming(served, APOLLO, FOLLOW) as response:
        assert _in_a_row(3, {}, parts(response))


def _in_a_row(times: int, wanted: object, told: Iterator[object]) -> bool:
    row = 0
    for one in told:
        row = row + 1 if one == wanted else 0
        if row == times:
            return True
    return False


@pytest.mark.parametrize("query", [COUNT, "{ nope }", "{"])
def test_one_result_is_streamed_to_who_accepts_nothing_else(served: Served, query: str) -> None:
    plain = served.run(query)
    with streaming(served, SSE, query) as response:
        first, *later = events(response)
        assert first == BEAT
        assert without_signs_of_life(later) == [("next", plain), ("complete", None)]
    with streaming(served, "multipart/mixed;subscriptionSpec=1.0", query) as response:
        assert without_signs_of_life(parts(response)) == [{"payload": plain}]
    with streaming(served, "multipart/mixed", query) as response:
        assert without_signs_of_life(parts(response)) == [plain]


def without_signs_of_life(messages: Iterable[Any]) -> list[Any]:
    """A busy machine takes longer for a result than from one sign of life to the next."""
    return [message for message in messages if message not in (BEAT, {})]


@pytest.mark.parametrize(
    "accept",
    [
        "application/graphql-response+json, application/json, text/event-stream, multipart/mixed",
        "multipart/mixed;deferSpec=20220824, application/graphql-response+json",
    ],
)
def test_one_result_is_not_streamed_to_who_accepts_it_otherwise(served: Served, accept: str) -> None:
    response = served.post({"query": COUNT}, accept=accept)
    assert response.headers["content-type"] == "application/graphql-response+json; charset=utf-8"


def test_a_subscription_that_is_refused_says_why_and_is_complete(served: Served) -> None:
    with streaming(served, SSE, FOLLOW, after="nonsense") as response:
        (name, said), end = without_signs_of_life(events(response))
    assert (name, end) == ("next", ("complete", None))
    assert said["errors"][0]["extensions"] == {"code": "VALIDATION_FAILED", "path": ["after"]}
    with streaming(served, APOLLO, FOLLOW, after="nonsense") as response:
        [part] = without_signs_of_life(parts(response))
    assert part["payload"]["errors"] == said["errors"]


def test_a_server_that_goes_lets_clients_resume_elsewhere(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """Before it would cut off what is still open: there is no `complete`, which would be the end."""
    with ExitStack() as stack:
        own = {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}
        running = stack.enter_context(serve(worker=False, **own))
        with streaming(running, SSE, FOLLOW) as sse, streaming(running, APOLLO, FOLLOW) as multipart:
            told, said = events(sse), parts(multipart)
            assert [next(told)[0] for _ in range(2)] == ["", "next"]
            assert "payload" in next(said)
            running.stop()
            assert [*told] == []
            [last] = said
    assert last["payload"] is None
    assert last["errors"][0]["extensions"] == {"code": "UNAVAILABLE"}

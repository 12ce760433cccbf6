"""Who is let in over HTTP, and how a response that goes on ends with the access of who asked for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest

from api.access.callers import AccessRevocation, Caller
from domain.kernel import Scope
from tests.helpers.served_api import Served
from tests.helpers.servers import eventually
from tests.helpers.stream_responses import APOLLO, SSE, events, parts
from tests.helpers.token_access import EDITOR, Tokens, serve_with, somebody

MOST = 2
EVENTS = "subscription { events { __typename ... on Event { actor } } }"
CREATE = 'mutation { registerAgent(input: {name: "x"}) { receipt { stream } } }'
ACTORS = "{ events { nodes { actor } } }"
LOCKED_OUT = "access has ended: locked out"
TOKEN = "x-graphql-event-stream-token"


@pytest.fixture(scope="module")
def tokens() -> Tokens:
    return Tokens()


@pytest.fixture(scope="module")
def served(mongo_url: str, redis_url: str, tokens: Tokens) -> Iterator[Served]:
    with serve_with(tokens, mongo_url, redis_url, max_sockets_per_caller=MOST, ping_interval=0.5) as served:
        yield served


@pytest.fixture
def ada() -> Caller:
    return somebody()


@pytest.fixture
def shown(tokens: Tokens, ada: Caller) -> str:
    """What Ada shows."""
    return tokens.grant(str(ada.credential), ada)


@contextmanager
def subscribed(served: Served, shown: str, accept: str) -> Iterator[Iterator[Any]]:
    """What a response that goes on says of a subscription, until it ends."""
    headers = {"accept": accept, "authorization": shown}
    with served.http.stream("POST", "/graphql", json={"query": EVENTS}, headers=headers) as response:
        assert response.status_code == 200
        yield _said(response) if accept == SSE else parts(response)


@contextmanager
def subscribed_in_a_stream(served: Served, shown: str) -> Iterator[Iterator[Any]]:
    """The same, in the stream of graphql-sse's single connection mode."""
    own = {"authorization": shown, TOKEN: reserve(served, shown)}
    with served.http.stream("GET", "/graphql", headers={"accept": SSE, **own}) as response:
        begun = served.post({"query": EVENTS, "extensions": {"operationId": "1"}}, **own)
        assert begun.status_code == 202
        yield _said(response)


def _said(response: httpx.Response) -> Iterator[Any]:
    """What events say; signs of life do not go on for ever."""
    for lives, (name, said) in enumerate(events(response)):
        assert lives < 20, "the response does not end"
        if name:
            yield said


def reserve(served: Served, shown: str) -> str:
    """The token of a new stream."""
    response = served.http.put("/graphql", headers={"authorization": shown})
    assert response.status_code == 201
    return response.text


OPEN: dict[str, Callable[[Served, str], Any]] = {
    "sse": lambda served, shown: subscribed(served, shown, SSE),
    "sse-single": subscribed_in_a_stream,
    "multipart": lambda served, shown: subscribed(served, shown, "multipart/mixed"),
    "multipart-apollo": lambda served, shown: subscribed(served, shown, APOLLO),
}


def refused(code: str, message: str) -> dict[str, Any]:
    return {"errors": [{"message": message, "extensions": {"code": code}}]}


def last_words(kind: str, result: dict[str, Any]) -> list[Any]:
    """What is told of a subscription that ends with this result."""
    told: dict[str, list[Any]] = {
        "sse": [result, None],
        "sse-single": [{"id": "1", "payload": result}, {"id": "1"}],
        "multipart": [result],
        "multipart-apollo": [{"payload": result}],
    }
    return told[kind]


def test_what_is_done_is_done_for_who_asks(served: Served, tokens: Tokens, shown: str) -> None:
    other = tokens.grant("other", Caller(Scope("another tenant", "bob"), "bob", EDITOR))
    for who in (shown, other):
        served.post({"query": CREATE}, authorization=who)
    answers = [served.post({"query": ACTORS}, authorization=who).json()["data"] for who in (shown, other)]
    assert [answer["events"]["nodes"] for answer in answers] == [[{"actor": "ada"}], [{"actor": "bob"}]]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_who_shows_nothing_is_told_to(served: Served, method: str) -> None:
    response = served.http.request(method, "/graphql")
    assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")
    assert response.json() == refused("UNAUTHENTICATED", "show a token")


def test_who_shows_what_does_not_do_is_refused(served: Served) -> None:
    response = served.post({"query": CREATE}, authorization="Bearer made-up")
    assert response.status_code == 403
    assert response.json() == refused("FORBIDDEN", "this token is not known")


@pytest.mark.parametrize("kind", OPEN)
def test_a_response_ends_when_access_does_and_others_go_on(
    served: Served, tokens: Tokens, ada: Caller, shown: str, kind: str
) -> None:
    bob = tokens.grant("bob", Caller(Scope("elsewhere", "bob"), "bob", EDITOR))
    with OPEN[kind](served, shown) as told, OPEN[kind](served, bob) as of_bob:
        next(told)
        next(of_bob)
        tokens.end(AccessRevocation("locked out", subject=ada.subject))
        assert list(told) == last_words(kind, refused("FORBIDDEN", LOCKED_OUT))
        served.post({"query": CREATE}, authorization=bob)
        assert "'actor': 'bob'" in str(next(of_bob))


@pytest.mark.parametrize("kind", ["sse", "multipart-apollo"])
def test_a_response_ends_when_what_was_shown_expires(
    served: Served, tokens: Tokens, ada: Caller, kind: str
) -> None:
    tokens.limit("soon", timedelta(seconds=3))
    with OPEN[kind](served, tokens.grant("soon", Caller(ada.scope, ada.subject))) as told:
        expired = refused("UNAUTHENTICATED", "access has expired; connect again with new credentials")
        assert last_words(kind, expired)[0] in list(told)


def test_one_subject_has_so_many_responses_at_a_time(served: Served, shown: str) -> None:
    with OPEN["sse"](served, shown) as told:
        reserve(served, shown)
        for refused_request in (
            served.post({"query": EVENTS}, accept=SSE, authorization=shown),
            served.http.put("/graphql", headers={"authorization": shown}),
        ):
            assert refused_request.status_code == 429
            assert "RATE_LIMITED" in refused_request.text
        assert served.post({"query": ACTORS}, authorization=shown).status_code == 200
        next(told)


def test_a_stream_is_of_no_use_to_who_has_only_its_token(
    served: Served, tokens: Tokens, ada: Caller, shown: str
) -> None:
    own = {"authorization": shown, TOKEN: reserve(served, shown)}
    of_others = [
        {**own, "authorization": tokens.grant("other", other)}
        for other in (Caller(ada.scope, "bob"), Caller(Scope("another tenant", "ada"), ada.subject))
    ]
    operation = {"query": EVENTS, "extensions": {"operationId": "1"}}
    for headers in of_others:
        answers = [
            served.post(operation, **headers),
            served.http.delete("/graphql", params={"operationId": "1"}, headers=headers),
        ]
        assert [answer.status_code for answer in answers] == [404, 404]
        with served.http.stream("GET", "/graphql", headers={"accept": SSE, **headers}) as answer:
            assert answer.status_code == 404
    refreshed = {**own, "authorization": tokens.grant("refreshed", Caller(ada.scope, ada.subject))}
    assert served.post(operation, **refreshed).status_code == 202


def test_what_ends_while_a_request_is_still_coming_counts(
    served: Served, tokens: Tokens, ada: Caller, shown: str
) -> None:
    go_on, responses = threading.Event(), list[httpx.Response]()

    def body() -> Iterator[bytes]:
        yield b" "
        go_on.wait()
        yield orjson.dumps({"query": EVENTS})

    def ask() -> None:
        headers = {"authorization": shown, "accept": SSE, "content-type": "application/json"}
        responses.append(served.http.post("/graphql", content=body(), headers=headers))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    eventually(lambda: ada.credential in tokens.asked)
    tokens.end(AccessRevocation("locked out", subject=ada.subject))
    go_on.set()
    asking.join(60)
    [response] = responses
    assert (response.status_code, response.json()) == (403, refused("FORBIDDEN", LOCKED_OUT))

"""Tokens on each transport: whom they authenticate, and that wrong ones are refused without a detail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from starlette.routing import Mount, Route

from api.app import OPEN_FOLDERS, OPEN_PATHS, create_app
from api.settings import Settings
from tests.helpers.issuer import Issuer, serve_issuer
from tests.helpers.served_api import Served
from tests.helpers.stream_responses import APOLLO, SSE, events
from tests.helpers.token_access import serve_with
from tests.helpers.tokens import MANY_FAILURES, auth_settings, bearer, make_token, private_key, sign_by_hand

CREATE = 'mutation { registerAgent(input: {name: "x"}) { receipt { stream } } }'
EVENTS = "subscription { events { __typename ... on Event { actor } } }"
ACTORS = "{ events(last: 100) { nodes { actor } } }"
STREAM_TOKEN = "x-graphql-event-stream-token"
ADMIN = ("administrator",)
INVALID = {"errors": [{"message": "the token is not valid", "extensions": {"code": "UNAUTHENTICATED"}}]}
EXPIRED = {
    "errors": [
        {"message": "the token has expired; send a new one", "extensions": {"code": "UNAUTHENTICATED"}}
    ]
}


@pytest.fixture(scope="module")
def served(mongo_url: str, redis_url: str) -> Iterator[Served]:
    options: dict[str, Any] = {"auth": auth_settings(cookie="session"), "rates": MANY_FAILURES}
    with serve_with(None, mongo_url, redis_url, **options, max_batch=5, init_timeout=30) as served:
        yield served


WRONG: dict[str, str] = {
    "malformed": "not-a-token",
    "empty parts": "..",
    "bad signature": make_token()[:-4] + "AAAA",
    "none": sign_by_hand(b'{"alg":"none"}', b'{"sub":"ada"}'),
    "unknown key": make_token(key=private_key("RS256"), algorithm="RS256", header={"kid": "unknown"}),
    "not yet valid": make_token(nbf=4_000_000_000),
    "wrong issuer": make_token(iss="https://evil.example"),
    "wrong audience": make_token(aud="another"),
    "no expiry": make_token(without=("exp",)),
    "no tenant": make_token(without=("tenant",)),
    "odd tenant": make_token(tenant="a/b"),
    "roles as number": make_token(roles=7),
    "too long": "A" * 20_000,
}


def _requests(served: Served, headers: dict[str, str]) -> dict[str, httpx.Response]:
    """Send one request with these headers on each transport over HTTP."""
    http, body = served.http, {"query": CREATE}
    return {
        "mutation": http.post("/graphql", json=body, headers=headers),
        "query": http.get("/graphql", params={"query": "{ __typename }"}, headers=headers),
        "batch": http.post("/graphql", json=[body, body], headers=headers),
        "sse": http.post("/graphql", json={"query": EVENTS}, headers={**headers, "accept": SSE}),
        "reservation": http.put("/graphql", headers=headers),
        "stream": http.get("/graphql", headers={**headers, "accept": SSE, STREAM_TOKEN: "x"}),
        "end": http.delete("/graphql?operationId=1", headers={**headers, STREAM_TOKEN: "x"}),
        "multipart": http.post("/graphql", json={"query": EVENTS}, headers={**headers, "accept": APOLLO}),
        "metrics": http.get("/metrics", headers=headers),
        "unknown path": http.get("/unknown", headers=headers),
    }


@pytest.mark.parametrize("token", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_token_has_one_answer_on_each_transport(served: Served, token: str) -> None:
    for transport, response in _requests(served, bearer(token)).items():
        assert response.status_code == 401, transport
        assert response.json() == INVALID, transport
        assert response.headers["www-authenticate"] == 'Bearer error="invalid_token"', transport
    assert _actors(served) == []


def test_an_expired_token_is_told_apart_so_that_clients_get_a_new_one(served: Served) -> None:
    for response in _requests(served, bearer(make_token(expires_in=-60))).values():
        assert (response.status_code, response.json()) == (401, EXPIRED)


def _actors(served: Served, tenant: str = "default") -> list[str]:
    token = make_token("auditor", tenant, ADMIN)
    response = served.http.post("/graphql", json={"query": ACTORS}, headers=bearer(token))
    return [event["actor"] for event in response.json()["data"]["events"]["nodes"]]


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Basic YWRhOnNlY3JldA=="},
        {"authorization": "Bearer"},
        {"authorization": f"Bearer {make_token()} {make_token()}"},
        {"authorization": ""},
        {"x-api-key": ""},
        {"authorization": f"Bearer {make_token()}", "x-api-key": make_token("eve")},
        {"authorization": f"Bearer {make_token()}", "cookie": f"session={make_token('eve')}"},
        {"cookie": f"session={make_token()}; session={make_token('eve')}"},
        {"cookie": "session=made-up"},
    ],
    ids=lambda headers: " ".join(headers),
)
def test_malformed_and_contradictory_credentials_are_refused(served: Served, headers: dict[str, str]) -> None:
    response = served.post({"query": "{ __typename }"}, **headers)
    assert response.status_code == 401
    assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


def test_a_repeated_header_is_refused_whatever_its_values(served: Served) -> None:
    """A proxy may check the first one, and a server use the second."""
    repeated = [("Authorization", f"Bearer {make_token()}"), ("Authorization", f"Bearer {make_token('eve')}")]
    response = served.http.get("/graphql", params={"query": "{ __typename }"}, headers=repeated)
    assert response.status_code == 401


def test_without_credentials_a_caller_is_asked_for_them_where_nothing_is_public(served: Served) -> None:
    response = served.post({"query": "{ __typename }"})
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.json()["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED"}


def test_the_token_says_as_whom_and_for_which_tenant_a_command_is_stored(served: Served) -> None:
    tenant = uuid4().hex
    token = make_token("grace", tenant, ADMIN)
    for headers in (bearer(token), {"cookie": f"theme=dark; session={token}"}):
        assert served.post({"query": CREATE}, **headers).status_code == 200
    assert _actors(served, tenant) == ["grace", "grace"]
    assert "grace" not in _actors(served)


def test_a_stream_has_the_caller_of_its_token(served: Served) -> None:
    tenant = uuid4().hex
    headers = {**bearer(make_token("grace", tenant, ADMIN)), "accept": SSE}
    with served.http.stream("POST", "/graphql", json={"query": EVENTS}, headers=headers) as response:
        assert response.status_code == 200
        results = (data for name, data in events(response) if name == "next")
        assert next(results)["data"]["events"]["__typename"] == "CaughtUp"
        served.post({"query": CREATE}, **bearer(make_token("bob", tenant, ADMIN)))
        assert next(results)["data"]["events"]["actor"] == "bob"


def test_a_reserved_stream_is_of_the_caller_that_reserved_it(served: Served) -> None:
    reserved = served.http.put("/graphql", headers=bearer(make_token("ada"))).text
    callers = {make_token("eve"): 404, make_token("ada", "acme"): 404, make_token("ada"): 200}
    for token, status in callers.items():
        headers = {**bearer(token), STREAM_TOKEN: reserved}
        assert served.http.delete("/graphql?operationId=1", headers=headers).status_code == status


def test_metrics_need_a_role_and_health_checks_show_no_detail(served: Served) -> None:
    assert served.get("/metrics").status_code == 401
    for role, status in (("administrator", 403), ("operator", 403), ("metrics", 200), ("deployment", 200)):
        assert served.get("/metrics", **bearer(make_token(roles=(role,)))).status_code == status
    assert served.get("/healthz").json() == {"alive": True}
    assert set(served.get("/readyz").json()) == {"ready"}


def test_each_route_is_authenticated_or_listed_as_open(served: Served) -> None:
    """A new endpoint is refused here until it is authenticated, which the guard does, or listed."""
    paths = list(_paths(create_app(Settings()).routes))
    assert {"/graphql", "/metrics", "/readyz"} <= set(paths)
    for path in paths:
        status = served.get(path, **bearer("made-up")).status_code
        assert status == 401 or path in OPEN_PATHS or f"{path}/" in OPEN_FOLDERS, path


def test_each_path_behind_a_prefix_is_authenticated_too(mongo_url: str, redis_url: str) -> None:
    with serve_with(None, mongo_url, redis_url, auth=auth_settings(), path_prefix="/nerve") as served:
        for path in ("/graphql", "/metrics", "/unknown", "/graphiql/unknown", "/"):
            status = served.get(f"/nerve{path}", **bearer("made-up")).status_code
            assert (status == 401) is (path != "/"), path


def _paths(routes: Any, prefix: str = "") -> Iterator[str]:
    for route in routes:
        assert isinstance(route, Route | Mount), "a kind of route that this test does not know"
        if isinstance(route, Mount) and route.routes:
            yield from _paths(route.routes, prefix + route.path)
        else:
            yield prefix + route.path


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with serve_issuer() as issuer:
        yield issuer


def test_tokens_of_an_openid_provider_are_accepted_after_a_rotation_and_while_it_is_away(
    issuer: Issuer, mongo_url: str, redis_url: str
) -> None:
    settings = auth_settings(issuer=issuer.url, secret=None)
    with serve_with(None, mongo_url, redis_url, auth=settings) as served:
        query = {"query": "{ __typename }"}
        assert served.post(query, **bearer(issuer.sign("first"))).status_code == 200
        issuer.status = 500
        assert served.post(query, **bearer(issuer.sign("first", "bob"))).status_code == 200
        assert served.post(query, **bearer(make_token())).status_code == 401

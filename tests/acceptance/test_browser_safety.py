"""What browsers are told about responses, and requests that foreign pages make them send."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.helpers.served_api import Served
from tests.helpers.stream_responses import SSE
from tests.helpers.token_access import serve_with
from tests.helpers.tokens import auth_settings, bearer, make_token

PAGE = "https://app.example"
QUERY = {"query": "{ __typename }"}
CREATE = {"query": 'mutation { registerAgent(input: {name: "x"}) { receipt { stream } } }'}
EVENTS = {"query": "subscription { events { __typename } }"}


@pytest.fixture(scope="module")
def served(mongo_url: str, redis_url: str) -> Iterator[Served]:
    settings = auth_settings(cookie="session")
    with serve_with(None, mongo_url, redis_url, auth=settings, allowed_origins=(PAGE,)) as served:
        yield served


def cookie(subject: str = "ada") -> dict[str, str]:
    return {"cookie": f"session={make_token(subject, roles=('administrator',))}"}


def test_each_response_has_the_headers_of_safety(served: Served) -> None:
    for path in ("/graphql", "/graphiql", "/healthz", "/metrics", "/nowhere"):
        headers = served.get(path).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["referrer-policy"] == "no-referrer", path
        assert "frame-ancestors 'none'" in headers["content-security-policy"], path
        # Only TLS can promise it.
        assert "strict-transport-security" not in headers, path


def test_refused_pages_get_them_too(served: Served) -> None:
    refused = served.post(QUERY, origin="https://evil.example")
    assert refused.status_code == 403
    assert refused.headers["x-content-type-options"] == "nosniff"


def test_no_cache_stores_what_was_sent_to_a_caller(served: Served) -> None:
    for headers in (bearer(make_token()), cookie(), {"x-api-key": "nerve_made-up"}):
        assert served.post(QUERY, **headers).headers["cache-control"] == "no-store"
    with served.http.stream("POST", "/graphql", json=EVENTS, headers={**cookie(), "accept": SSE}) as response:
        assert response.headers["cache-control"] == "no-store"
    # The client itself may keep it, and has to ask each time whether it has changed.
    response = served.http.get("/graphql", params=QUERY, headers=bearer(make_token()))
    assert response.headers["cache-control"] == "private, no-cache"
    assets = served.http.get("/graphiql/assets/none.js", headers=cookie())
    assert assets.status_code == 404


@pytest.mark.parametrize(
    "request_of_page",
    [
        httpx.Request("GET", "/graphql", params=QUERY),
        httpx.Request("GET", "/graphql", params=EVENTS, headers={"accept": SSE}),
        httpx.Request("GET", "/metrics"),
        httpx.Request("POST", "/graphql", data=CREATE),
        httpx.Request("POST", "/graphql", files={"operations": b"{}"}),
        httpx.Request("POST", "/graphql", content=b"{}", headers={"content-type": "text/plain"}),
    ],
    ids=lambda request: f"{request.method} {request.headers.get('content-type', '')[:20]}",
)
def test_what_a_foreign_page_makes_a_browser_send_with_its_cookie_is_refused(
    served: Served, request_of_page: httpx.Request
) -> None:
    """As browsers send it that do not say from which page it comes."""
    before = served.http.build_request(
        request_of_page.method,
        request_of_page.url.raw_path.decode(),
        content=request_of_page.read(),
        headers={**request_of_page.headers, **cookie()},
    )
    before.headers["host"] = served.http.base_url.netloc.decode()
    response = served.http.send(before)
    assert response.status_code == 403
    [error] = response.json()["errors"]
    assert error["extensions"] == {"code": "FORBIDDEN"}
    assert "graphql-require-preflight" in error["message"]


def test_the_cookie_works_for_pages_of_this_server_and_of_listed_origins(served: Served) -> None:
    assert served.post(CREATE, **cookie()).status_code == 200
    for headers in (
        {"sec-fetch-site": "same-origin"},
        {"graphql-require-preflight": "1"},
        {"origin": PAGE, "sec-fetch-site": "cross-site"},
    ):
        response = served.http.get("/graphql", params=QUERY, headers={**cookie(), **headers})
        assert response.status_code == 200, headers
    assert response.headers["access-control-allow-origin"] == PAGE
    assert response.headers["access-control-allow-credentials"] == "true"


def test_a_page_that_is_not_listed_is_refused_with_the_cookie_too(served: Served) -> None:
    for origin in ("https://evil.example", "null", "https://app.example.evil.example"):
        headers = {**cookie(), "origin": origin}
        response = served.http.post("/graphql", json=CREATE, headers=headers)
        assert response.status_code == 403
        assert "access-control-allow-origin" not in response.headers

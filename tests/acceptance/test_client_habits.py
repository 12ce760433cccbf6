"""What clients send besides what the specification asks for: C8, C9, C10, and messages in their words."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx
import orjson
import pytest

from tests.helpers.agent_counts import ANSWER, COUNT, GRAPHQL, INSIDE, json_in
from tests.helpers.served_api import Served

TWO = "query One { agents { totalCount } } query Two { __typename }"
"""Words of the inside that no client knows."""


async def everywhere(served: Served, request: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The result of the same request over each transport."""
    body = orjson.dumps(request)
    sent = {
        name: value if isinstance(value, str) else orjson.dumps(value).decode()
        for name, value in request.items()
        if value is not None
    }
    event = served.post(body, accept="text/event-stream").text
    part = served.post(body, accept="multipart/mixed").text
    answers: dict[str, Any] = {
        "POST": served.post(body).json(),
        "GET": served.http.get("/graphql", params=sent).json(),
        "SSE": orjson.loads(json_in(event)),
        "multipart": orjson.loads(json_in(part)),
    }
    async with served.client() as client:
        await client.send(type="subscribe", id="1", payload=request)
        message = await client.receive()
        payload = message["payload"]
        answers["socket"] = {"errors": payload} if message["type"] == "error" else payload
    return answers


@pytest.mark.parametrize(
    "request_",
    [
        {"query": COUNT, "operationName": ""},
        {"query": COUNT, "operationName": None},
        {"query": COUNT, "variables": ""},
        {"query": COUNT, "variables": None, "extensions": None, "documentId": None},
        {"query": COUNT, "variables": {}, "extensions": {}, "documentId": ""},
        {"query": f"query Named {COUNT}", "operationName": "Named"},
        {"query": TWO, "operationName": "One"},
        {"query": COUNT, "id": "1", "key": {"unknown": True}},
    ],
)
async def test_c8_what_is_empty_is_absent_on_every_transport(
    served: Served, request_: dict[str, Any]
) -> None:
    for transport, answer in (await everywhere(served, request_)).items():
        assert answer == ANSWER, transport


@pytest.mark.parametrize(
    ("query", "name", "message"),
    [
        (f"query Named {COUNT}", "Nmaed", "the document has no operation 'Nmaed'; it has Named"),
        (TWO, "Three", "the document has no operation 'Three'; it has One, Two"),
        (
            COUNT,
            "One",
            "the document has no operation 'One'; its only operation has no name, so omit operationName",
        ),
        (
            TWO,
            "",
            "the document has several operations (One, Two); choose one with operationName",
        ),
    ],
)
async def test_c8_a_wrong_operation_name_is_named_on_every_transport(
    served: Served, query: str, name: str, message: str
) -> None:
    answers = await everywhere(served, {"query": query, "operationName": name})
    extensions = {"code": "VALIDATION_FAILED", "path": ["operationName"]}
    for transport, answer in answers.items():
        assert answer == {"errors": [{"message": message, "extensions": extensions}]}, transport


def test_c8_a_document_without_an_operation_has_a_message_of_its_own(served: Served) -> None:
    [error, *_] = served.post({"query": "fragment F on Query { __typename }"}).json()["errors"]
    assert not INSIDE.search(error["message"])


@pytest.mark.parametrize("path", ["/graphql", "/graphql/"])
def test_c14_a_slash_at_the_end_changes_nothing_over_http(served: Served, path: str) -> None:
    assert served.http.post(path, json={"query": COUNT}).json() == ANSWER
    assert served.http.get(path, params={"query": COUNT}).json() == ANSWER
    assert served.http.head(path, params={"query": COUNT}).status_code == 200
    assert served.http.put(path).status_code == 201


@pytest.mark.parametrize("path", ["/graphql", "/graphql/", "/graphql/?token=x"])
async def test_c14_a_slash_at_the_end_changes_nothing_over_sockets(served: Served, path: str) -> None:
    async with served.socket(path=path) as client:
        await client.send(type="connection_init")
        assert await client.receive() == {"type": "connection_ack"}


CLIENTS = {
    "curl": {"accept": "*/*"},
    "Apollo Client 3": {"accept": "*/*", "content-type": "application/json"},
    "Apollo Client 4": {"accept": f"{GRAPHQL},application/json;q=0.9"},
    "Apollo with @defer": {"accept": f"multipart/mixed;deferSpec=20220824,{GRAPHQL},application/json;q=0.9"},
    "urql": {
        "accept": f"{GRAPHQL}, application/graphql+json, application/json, text/event-stream, multipart/mixed"
    },
    "graphql-request": {"accept": f"{GRAPHQL}, application/json"},
    "Relay": {"accept": "application/json", "content-type": "application/json; charset=utf-8"},
    "axios": {
        "accept": "application/json, text/plain, */*",
        "accept-encoding": "gzip, compress, deflate, br",
    },
    "Postman": {"accept": "*/*", "cache-control": "no-cache", "content-type": "application/json"},
    "jQuery": {
        "accept": "application/json, text/javascript, */*; q=0.01",
        "x-requested-with": "XMLHttpRequest",
    },
    "a browser's address bar": {
        "accept": "text/html,application/xhtml+xml,*/*;q=0.8",
        "sec-fetch-site": "none",
    },
}


@pytest.mark.parametrize("client", CLIENTS)
def test_requests_are_answered_as_clients_send_them(served: Served, client: str) -> None:
    """Their headers, and what some of them send empty or in addition to the specified parameters."""
    headers = {"content-type": "application/json", **CLIENTS[client]}
    extras: tuple[dict[str, Any], ...] = (
        {},
        {"variables": {}, "operationName": None},
        {"extensions": {"clientLibrary": {"name": client}}},
    )
    for extra in extras:
        response = served.http.post(
            "/graphql", content=orjson.dumps({"query": COUNT, **extra}), headers=headers
        )
        assert (response.status_code, response.json()) == (200, ANSWER)
        assert "json" in response.headers["content-type"]
    for method in ("GET", "HEAD"):
        response = served.http.request(
            method, "/graphql", params={"query": COUNT, "variables": "", "extensions": "{}"}, headers=headers
        )
        assert response.status_code == 200
        assert int(response.headers["content-length"]) == len(orjson.dumps(ANSWER))


def _posted(body: Any) -> dict[str, Any]:
    return {"method": "POST", "json": body}


NO_REQUESTS: tuple[Any, ...] = ("text", 7, None, True, [], [{}], {})
NO_PARAMETERS: tuple[Any, ...] = ("text", 7, 0, False, [], [1], {"persistedQuery": 1}, {"persistedQuery": {}})
NO_NUMBERS: tuple[Any, ...] = ("x", 2**40, 1.5, {}, [1], -1)
BAD_REQUESTS: list[dict[str, Any]] = [
    {"method": "POST", "content": b""},
    {"method": "POST", "content": b"\xef\xbb\xbf"},
    {"method": "POST", "content": b"{"},
    {"method": "POST", "content": b"\xff\xfe"},
    {"method": "POST", "content": b'{"query": "\\ud800"}'},
    {"method": "POST", "content": b'{"query": NaN}'},
    {"method": "POST", "content": b"[" * 100_000},
    {"method": "POST", "content": b"{ __typename }"},
    {"method": "POST", "content": b"query=%7B__typename%7D"},
    {"method": "POST", "content": b" " * 200_000},
    *(_posted(body) for body in NO_REQUESTS),
    *(
        _posted({"query": COUNT, name: value})
        for name in ("variables", "extensions", "operationName", "documentId", "query")
        for value in NO_PARAMETERS
    ),
    *(
        _posted({"query": COUNT, "extensions": {"persistedQuery": persisted}})
        for persisted in (
            {"version": True, "sha256Hash": "x"},
            {"version": 1},
            {"version": 1, "sha256Hash": ""},
        )
    ),
    *(_posted({"query": query}) for query in ("{", "{ nope }", " ", "mutation { x }")),
    {"method": "POST", "json": {"query": "query ($n: Int!) { agents(first: $n) { totalCount } }"}},
    *(
        _posted({"query": "query ($n: Int) { agents(first: $n) { totalCount } }", "variables": {"n": n}})
        for n in NO_NUMBERS
    ),
    *({"method": "GET", "url": url} for url in ("", "?query=", "?variables=%7B", "?query=%7B&extensions=x")),
    {"method": "GET", "url": f"?query={quote('mutation { x }')}"},
    {"method": "GET", "url": "?query=%ff%fe"},
    {"method": "DELETE", "url": ""},
    {"method": "DELETE", "url": "?token=unknown"},
    {"method": "GET", "url": "?token=unknown", "headers": {"accept": "text/event-stream"}},
    {"method": "POST", "json": {"query": COUNT}, "headers": {"accept": "image/png"}},
    {
        "method": "POST",
        "json": {"query": "subscription { events { __typename } }"},
        "headers": {"accept": GRAPHQL},
    },
    {"method": "POST", "content": b"{}", "headers": {"content-type": "text/plain"}},
    {"method": "POST", "content": b"{}", "headers": {"content-type": "multipart/form-data; boundary=x"}},
    {"method": "POST", "content": b"{}", "headers": {"content-encoding": "br"}},
]


@pytest.mark.parametrize("request_", BAD_REQUESTS, ids=lambda request: repr(request)[:80])
def test_messages_of_bad_requests_are_in_the_words_of_their_clients(
    served: Served, request_: dict[str, Any]
) -> None:
    sent = {**request_}
    headers = {"content-type": "application/json", **sent.pop("headers", {})}
    response = served.http.request(
        sent.pop("method"), "/graphql" + sent.pop("url", ""), headers=headers, **sent
    )
    if response.status_code == 200 and "data" in response.json():
        return
    _check_words(response)


def _check_words(response: httpx.Response) -> None:
    errors = response.json()["errors"]
    assert errors
    for error in errors:
        assert error["extensions"]["code"] in (
            "VALIDATION_FAILED", "NOT_FOUND", "PERSISTED_QUERY_NOT_FOUND", "TOO_COMPLEX"
        ), error  # fmt: skip
        assert not INSIDE.search(error["message"]), error["message"]
        assert "__" not in ".".join(map(str, error["extensions"].get("path", ())))

"""Whatever comes over HTTP is answered, or refused as a client's mistake, and the server serves on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from pymongo import MongoClient

from tests.helpers.served_api import Served, serve
from tests.helpers.servers import eventually

COUNT = "{ agents { totalCount } }"
FOLLOW = "subscription { events { __typename } }"
TOKEN = "x-graphql-event-stream-token"
NAMES = ("query", "variables", "operationName", "extensions", "documentId", "persistedQuery", "operationId")
TYPES = (
    "application/json",
    "application/graphql-response+json",
    "text/event-stream",
    "multipart/mixed",
    "text/plain",
    "application/*",
    "*/*",
)

fuzzed = settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
printable = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
documents = st.sampled_from(
    [COUNT, FOLLOW, "{", "{ nope }", "mutation { nope }", "query ($a: ID!) { __typename }"]
)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | documents,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | st.text(), inner),
    max_leaves=10,
)  # fmt: skip
operations = st.fixed_dictionaries(
    {"query": documents | values},
    optional={
        "variables": values,
        "operationName": values,
        "documentId": values,
        "extensions": st.fixed_dictionaries(
            {},
            optional={
                "operationId": st.sampled_from(["1", "2"]) | values,
                "persistedQuery": st.fixed_dictionaries(
                    {}, optional={"version": st.just(1) | values, "sha256Hash": values}
                ),
            },
        )
        | values,
    },
)
parameters = printable | st.sampled_from(
    ["q=0", "q=0.5", "q=nan", "q=1e9", "charset=utf-8", 'boundary="-"', "subscriptionSpec=1.0", "=", '"']
)
ranges = st.tuples(st.sampled_from(TYPES) | printable, st.lists(parameters, max_size=3)).map(
    lambda entry: ";".join([entry[0], *entry[1]])
)
accepts = st.none() | st.lists(ranges, max_size=4).map(", ".join)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """JSON of an operation, of a batch or of anything, which may be cut off or broken, or other bytes."""
    sent = draw(operations | st.lists(operations | values, max_size=4) | values | st.binary(max_size=50))
    text = sent if isinstance(sent, bytes) else orjson.dumps(sent, option=orjson.OPT_NON_STR_KEYS)
    if text and draw(st.integers(0, 4)) == 0:
        place = draw(st.integers(0, len(text) - 1))
        text = text[:place] + draw(st.binary(max_size=2)) + text[place + draw(st.integers(0, 5)) :]
    return text


@pytest.fixture(scope="module")
def served(mongo_url: str, redis_url: str) -> Iterator[Served]:
    database = f"test_{uuid4().hex}"
    own = {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}
    with serve(**own, worker=False, max_body_bytes=2_000, max_batch=3, max_operations=3) as running:
        yield running
        assert running.run(COUNT) == {"data": {"agents": {"totalCount": 0}}}
        eventually(lambda: open_streams(running) == 0)
    with MongoClient[dict[str, object]](mongo_url) as client:
        client.drop_database(database)


def open_streams(served: Served) -> float:
    families = text_string_to_metric_families(served.get("/metrics").text)
    return next(s.value for family in families for s in family.samples if s.name == "nerve_streams")


def exchange(served: Served, method: str, headers: Mapping[str, str | None], **request: Any) -> int:
    """The status of an answer that is well-formed; a stream is left at once."""
    sent = {name: value.strip() for name, value in headers.items() if value is not None}
    with served.http.stream(method, "/graphql", headers=sent, **request) as response:
        told = response.headers.get("content-type", "")
        if method != "HEAD" and not told.startswith(("text/event-stream", "multipart/mixed")):
            check(response, told)
        return response.status_code


def check(response: httpx.Response, told: str) -> None:
    body = response.read()
    if "json" in told:
        said = orjson.loads(body)
        for answer in said if isinstance(said, list) else [said]:
            assert "data" in answer or answer["errors"]
            for error in answer.get("errors", ()):
                assert error["extensions"]["code"] != "INTERNAL", answer
        assert response.status_code in (200, 400, 404, 405, 406, 409, 413, 415, 429)
    else:
        assert (response.status_code, told, body != b"") in [
            (200, "", False), (202, "", False), (201, "text/plain; charset=utf-8", True)
        ]  # fmt: skip


@fuzzed
@given(body=bodies(), accept=accepts, content=st.sampled_from([*TYPES, "application/json; charset=x", None]))
def test_any_body(served: Served, body: bytes, accept: str | None, content: str | None) -> None:
    exchange(served, "POST", {"accept": accept, "content-type": content}, content=body)


@fuzzed
@given(body=bodies(), accept=accepts)
def test_any_json(served: Served, body: bytes, accept: str | None) -> None:
    exchange(served, "POST", {"accept": accept, "content-type": "application/json"}, content=body)


@fuzzed
@given(
    sent=st.dictionaries(
        st.sampled_from([*NAMES, "token"]),
        documents | st.text() | values.map(lambda value: orjson.dumps(value).decode()),
    ),
    accept=accepts,
    method=st.sampled_from(["GET", "DELETE", "HEAD"]),
)
def test_any_url(served: Served, sent: dict[str, str], accept: str | None, method: str) -> None:
    exchange(served, method, {"accept": accept}, params=sent)


@fuzzed
@given(data=st.data())
def test_any_order_of_requests_with_a_token(served: Served, data: st.DataObject) -> None:
    token = served.http.put("/graphql").text
    try:
        for _ in range(data.draw(st.integers(1, 6))):
            ask(served, data.draw(st.sampled_from([token, token, token, "other"])), data)
    finally:
        # A stream that is never opened is kept for some seconds.
        exchange(served, "GET", {"accept": "text/event-stream", TOKEN: token})


def ask(served: Served, token: str, data: st.DataObject) -> None:
    """One of the requests that a token can be shown with."""
    match data.draw(st.sampled_from(["open", "begin", "begin", "end"])):
        case "open":
            exchange(served, "GET", {"accept": "text/event-stream", TOKEN: token})
        case "begin":
            headers = {"content-type": "application/json", TOKEN: token}
            exchange(served, "POST", headers, content=orjson.dumps(data.draw(operations)))
        case "end":
            ended = {"operationId": data.draw(st.sampled_from(["1", "2", ""]))}
            exchange(served, "DELETE", {TOKEN: token}, params=ended)

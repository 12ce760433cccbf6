"""A client whose refused requests take long is held off, as clients meet it over HTTP."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest

from tests.helpers.raw_sockets import raw_socket
from tests.helpers.served_api import Served
from tests.helpers.token_access import serve_with
from tests.helpers.tokens import auth_settings, bearer, make_token

KNOWN = {"query": "{ __typename }"}
COSTLY = {"query": "{" + "a: __typename " * 600 + "}"}
"""It repeats a field so often that its validation would take long."""

TOO_LARGE = {
    "query": "{" + " ".join(f"a{n}: __schema {{ types {{ description }} }}" for n in range(70)) + "}"
}
"""It is valid, and refused when its result is written."""


@pytest.fixture(scope="module")
def served(mongo_url: str, redis_url: str) -> Iterator[Served]:
    rates = {"refused_share": 1e-6, "refused_burst": 1e-6}
    auth = auth_settings()
    with serve_with(
        None, mongo_url, redis_url, auth=auth, rates=rates, max_batch=10, max_response_bytes=10_000
    ) as served:
        yield served


@pytest.fixture
def headers(served: Served) -> dict[str, str]:
    """A caller whose costly document was refused."""
    caller = bearer(make_token(uuid4().hex, "default", ("administrator",)))
    assert served.post(KNOWN, **caller).status_code == 200
    [error] = served.post(COSTLY, **caller).json()["errors"]
    assert error["extensions"]["code"] == "TOO_COMPLEX"
    return caller


@pytest.mark.parametrize(
    "body",
    [
        COSTLY,
        {"query": "{ __typename } # unknown"},
        {**KNOWN, "variables": {"large": "x" * 20_000}},
        [KNOWN],
    ],
    ids=["refused before", "unknown", "large", "batch"],
)
def test_what_may_take_long_again_has_to_wait(served: Served, headers: dict[str, str], body: Any) -> None:
    """With 429, and the seconds until it is accepted."""
    refused = served.post(body, **headers)
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    [error] = refused.json()["errors"]
    assert error["extensions"]["code"] == "RATE_LIMITED"


def test_short_known_documents_and_other_callers_go_on(served: Served, headers: dict[str, str]) -> None:
    assert served.post(KNOWN, **headers).json() == {"data": {"__typename": "Query"}}
    other = bearer(make_token(uuid4().hex, "default", ("administrator", "metrics")))
    assert served.post({"query": "{ __typename } # of another"}, **other).status_code == 200
    assert 'nerve_rate_limited_total{limit="refused_work"}' in served.http.get("/metrics", headers=other).text


def test_a_short_known_document_is_run_by_its_hash_too(served: Served, headers: dict[str, str]) -> None:
    by_hash = {"version": 1, "sha256Hash": sha256(KNOWN["query"].encode()).hexdigest()}
    persisted = {"extensions": {"persistedQuery": by_hash}}
    assert served.post({**KNOWN, **persisted}, **headers).status_code == 200
    assert served.post(persisted, **headers).json() == {"data": {"__typename": "Query"}}


def test_a_compressed_body_has_to_wait(served: Served, headers: dict[str, str]) -> None:
    """Its size says nothing about how long it takes to read it."""
    body = gzip.compress(json.dumps(KNOWN).encode())
    coded = {**headers, "content-type": "application/json", "content-encoding": "gzip"}
    assert served.http.post("/graphql", content=body, headers=coded).status_code == 429


@pytest.mark.parametrize("refused", [COSTLY, TOO_LARGE], ids=["document", "result"])
async def test_refused_work_of_a_socket_counts(served: Served, refused: dict[str, str]) -> None:
    """For all sockets and requests of its caller; another caller goes on."""
    caller = bearer(make_token(uuid4().hex, "default", ("administrator",)))
    assert await _code(served, caller, KNOWN) is None
    assert await _code(served, caller, refused) == "TOO_COMPLEX"
    assert await _code(served, caller, refused) == "RATE_LIMITED"
    assert await _code(served, caller, KNOWN) is None
    assert served.post(COSTLY, **caller).status_code == 429
    other = bearer(make_token(uuid4().hex, "default", ("administrator",)))
    assert await _code(served, other, refused) == "TOO_COMPLEX"


async def _code(served: Served, caller: dict[str, str], query: dict[str, str]) -> str | None:
    """Send an operation over a new socket; return the code of its error, None if there is none."""
    async with raw_socket(served.port, init=False) as socket:
        socket.send({"type": "connection_init", "payload": caller})
        assert await socket.receive() == {"type": "connection_ack"}
        socket.send({"type": "subscribe", "id": "1", "payload": query})
        message = await socket.receive()
        errors = message["payload"] if message["type"] == "error" else message["payload"].get("errors")
        return errors[0]["extensions"]["code"] if errors else None


async def test_a_message_with_too_many_values_is_refused(served: Served) -> None:
    """Before it is parsed: the socket is closed, because the id of the operation is unknown."""
    caller = bearer(make_token(uuid4().hex, "default", ("administrator",)))
    async with raw_socket(served.port, init=False) as socket:
        socket.send({"type": "connection_init", "payload": caller})
        assert await socket.receive() == {"type": "connection_ack"}
        payload = {**KNOWN, "variables": {"values": [1] * 30_000}}
        socket.send({"type": "subscribe", "id": "1", "payload": payload})
        assert await socket.closed() == 4400


def test_a_refused_batch_counts(served: Served) -> None:
    """Its operations are run in tasks of their own."""
    caller = bearer(make_token(uuid4().hex, "default", ("administrator",)))
    [result] = served.post([COSTLY], **caller).json()
    assert result["errors"][0]["extensions"]["code"] == "TOO_COMPLEX"
    assert served.post({"query": "{ __typename } # unknown"}, **caller).status_code == 429

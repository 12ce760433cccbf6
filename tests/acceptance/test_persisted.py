"""Documents that are named instead of sent, and a server that runs the documents of a list alone."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import orjson
import pytest
from pymongo import MongoClient

from api.graphql.execution.persisted import read_documents
from api.settings import load_settings
from domain.kernel.errors import ConfigurationError
from tests.acceptance.clients.programs import PACKAGE, node_with_clients
from tests.helpers.served_api import Served, serve
from tests.helpers.stream_responses import SSE, events, streaming

GRAPHQL = "application/graphql-response+json"
LISTED = "query Listed { agents { totalCount } }"
FOLLOW = "subscription Follow { events { __typename } }"
ANSWER = {"data": {"agents": {"totalCount": 0}}}
UNKNOWN = {"message": "PersistedQueryNotFound", "extensions": {"code": "PERSISTED_QUERY_NOT_FOUND"}}
DOCUMENTS = {"listed": LISTED, "sha256:" + sha256(FOLLOW.encode()).hexdigest(): FOLLOW}


def hashed(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def named(text: str, **more: Any) -> dict[str, Any]:
    """An operation that names the text by its hash."""
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": hashed(text)}}, **more}


@pytest.fixture(scope="module")
def strict(mongo_url: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that runs the documents of a list alone."""
    path = tmp_path_factory.mktemp("documents") / "documents.json"
    path.write_bytes(orjson.dumps(DOCUMENTS))
    database = f"test_{uuid4().hex}"
    own = {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}
    with serve(**own, worker=False, trusted_documents=path, only_trusted_documents=True) as running:
        yield running
    with MongoClient[dict[str, object]](mongo_url) as client:
        client.drop_database(database)


def test_a_text_is_sent_once_and_named_from_then_on(served: Served) -> None:
    text = "query Apq($first: Int) { agents(first: $first) { totalCount } }"
    assert served.post(named(text)).json() == {"errors": [UNKNOWN]}
    assert served.post(named(text), accept=GRAPHQL).status_code == 400
    assert served.post(named(text, query=text)).json() == ANSWER
    assert served.post(named(text, variables={"first": 3})).json() == ANSWER
    assert served.post({"documentId": f"sha256:{hashed(text)}"}).json() == ANSWER


def test_a_text_may_be_named_in_a_url(served: Served) -> None:
    text = "query InUrl { agents { totalCount } }"
    url = f"/graphql?extensions={quote(orjson.dumps(named(text)['extensions']))}"
    assert served.get(url).json() == {"errors": [UNKNOWN]}
    assert served.get(f"{url}&query={quote(text)}").json() == ANSWER
    assert served.get(url).json() == ANSWER
    assert served.get(f"/graphql?documentId=sha256:{hashed(text)}").json() == ANSWER


@pytest.mark.node
def test_apollo_client_sends_a_text_once(served: Served) -> None:
    program = [node_with_clients(), str(PACKAGE / "persisted.mjs"), f"http://127.0.0.1:{served.port}/graphql"]
    printed = subprocess.run(program, stdout=subprocess.PIPE, check=True, timeout=120).stdout
    unknown, *answered = [json.loads(line) for line in printed.splitlines()]
    assert unknown == ["GET", False, {"errors": [UNKNOWN]}]
    assert [request[:2] for request in answered] == [["POST", True], ["GET", False]]
    assert all("errors" not in request[2] for request in answered)


def test_a_mutation_may_not_be_named_in_a_url(served: Served) -> None:
    text = 'mutation { registerAgent(input: {name: "x"}) { receipt { version } } }'
    url = f"/graphql?documentId=sha256:{hashed(text)}"
    assert served.get(f"{url}&query={quote(text)}").status_code == 405
    assert served.get(url).status_code == 405


def test_what_is_invalid_is_not_kept(served: Served) -> None:
    text = "{ nope }"
    for _ in range(2):
        assert served.post(named(text)).json() == {"errors": [UNKNOWN]}
        assert served.post(named(text, query=text)).json()["errors"][0]["message"] != UNKNOWN["message"]


def test_a_hash_must_be_that_of_the_text(served: Served) -> None:
    forged = served.post(named(LISTED, query="{ __typename }"), accept=GRAPHQL)
    assert forged.status_code == 400
    assert forged.json()["errors"][0]["extensions"] == {"code": "VALIDATION_FAILED", "path": ["query"]}
    assert served.post({"documentId": "custom", "query": LISTED}, accept=GRAPHQL).status_code == 400
    assert served.post(named(LISTED)).json() == {"errors": [UNKNOWN]}


@pytest.mark.parametrize(
    ("persisted", "path"),
    [
        (7, ["extensions", "persistedQuery"]),
        ({}, ["extensions", "persistedQuery", "version"]),
        ({"version": 2, "sha256Hash": "x"}, ["extensions", "persistedQuery", "version"]),
        ({"version": 1, "sha256Hash": 7}, ["extensions", "persistedQuery", "sha256Hash"]),
    ],
)
def test_what_names_no_text_is_refused(served: Served, persisted: Any, path: list[str]) -> None:
    response = served.post({"query": "{ __typename }", "extensions": {"persistedQuery": persisted}})
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"] == {"code": "VALIDATION_FAILED", "path": path}


async def test_texts_are_named_over_sockets_too(served: Served) -> None:
    text = "query OverASocket { agents { totalCount } }"
    async with served.client() as client:
        for payload in (named(text), named(text, query=text), named(text)):
            await client.send(type="subscribe", id="1", payload=payload)
            message = await client.receive()
            if message["type"] == "error":
                assert (message["payload"], payload) == ([UNKNOWN], named(text))
            else:
                assert message["payload"] == ANSWER
                assert await client.receive() == {"type": "complete", "id": "1"}
    assert message["type"] == "next"


@pytest.mark.parametrize(
    "body",
    [
        {"query": LISTED},
        {"documentId": "listed"},
        {"documentId": f"sha256:{hashed(LISTED)}"},
        named(LISTED),
        named(LISTED, query=LISTED),
    ],
)
def test_a_listed_document_is_run(strict: Served, body: dict[str, Any]) -> None:
    assert strict.post(body).json() == ANSWER


async def test_no_other_document_is_run_whichever_way_it_comes(strict: Served) -> None:
    text = "{ __typename }"
    for body in ({"query": text}, named(text, query=text)):
        response = strict.post(body, accept=GRAPHQL)
        assert response.status_code == 400
        assert response.json()["errors"][0]["extensions"] == {"code": "FORBIDDEN"}
        async with strict.client() as client:
            await client.send(type="subscribe", id="1", payload=body)
            message = await client.receive()
        assert (message["type"], message["payload"][0]["extensions"]) == ("error", {"code": "FORBIDDEN"})
    assert strict.get(f"/graphql?query={quote(text)}").json()["errors"][0]["extensions"] == {
        "code": "FORBIDDEN"
    }
    with streaming(strict, SSE, "subscription { events { position: __typename } }") as response:
        told = [event for event in events(response) if event[0]]
    assert told[0][1]["errors"][0]["extensions"] == {"code": "FORBIDDEN"}
    assert strict.post(named(text)).json() == {"errors": [UNKNOWN]}


def test_a_listed_subscription_is_opened_by_its_name(strict: Served) -> None:
    url = f"/graphql?documentId=sha256:{hashed(FOLLOW)}"
    with strict.http.stream("GET", url, headers={"accept": SSE}) as response:
        told = (event for event in events(response) if event[0])
        assert next(told) == ("next", {"data": {"events": {"__typename": "CaughtUp"}}})


def test_a_manifest_of_apollo_is_a_list_too(tmp_path: Path) -> None:
    operation = {"id": "abc", "name": "Listed", "type": "query", "body": LISTED}
    path = tmp_path / "manifest.json"
    path.write_bytes(
        orjson.dumps({"format": "apollo-persisted-query-manifest", "version": 1, "operations": [operation]})
    )
    assert read_documents(path) == {"abc": LISTED}


@pytest.mark.parametrize("text", [None, "{", "[]", '{"a": 7}', '{"operations": [{"id": "a"}]}'])
def test_a_file_that_lists_no_documents_is_told_before_anything_is_served(
    tmp_path: Path, text: str | None
) -> None:
    path = tmp_path / "documents.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigurationError, match=r"trusted_documents.*documents\.json"):
        read_documents(path)


def test_a_server_that_runs_a_list_alone_needs_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NERVE_ONLY_TRUSTED_DOCUMENTS", "yes")
    with pytest.raises(ConfigurationError, match="needs trusted_documents"):
        load_settings()

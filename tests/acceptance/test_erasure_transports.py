"""Whoever listens, over whichever transport, is told at once that what was personal is gone."""

from __future__ import annotations

import asyncio
import os
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pymongo import MongoClient

from tests.helpers.served_api import PATIENCE, Served, serve
from tests.helpers.stream_responses import APOLLO, SSE

ROW = """subscription ($id: ID!) { person(id: $id) { __typename
  ... on PersonSnapshot { person { name former } }
  ... on PersonChanged { kind changedFields person { name former } } } }"""
PAST = """subscription ($id: ID!, $after: Position) { events(filter: {streams: [$id]}, after: $after) {
  __typename ... on Event { type data } } }"""
GONE = "plain-text-of-who-goes"
TOKEN = "x-graphql-event-stream-token"

Said = AsyncIterator[str]
Open = Callable[[Served, str, dict[str, Any]], AbstractAsyncContextManager[Said]]


@pytest.fixture(scope="module")
def settings(mongo_url: str, redis_url: str) -> Iterator[dict[str, Any]]:
    database = f"test_{uuid4().hex}"
    yield {
        "mongo_url": mongo_url,
        "redis_url": redis_url,
        "database": database,
        "contexts": ("tests.helpers.people", "projections.views.subjects"),
        "master_key": b64encode(os.urandom(32)).decode(),
    }
    with MongoClient[dict[str, object]](mongo_url) as client:
        client.drop_database(database)


@pytest.fixture(scope="module")
def served(settings: dict[str, Any]) -> Iterator[Served]:
    with serve(**settings) as running_api:
        yield running_api


@asynccontextmanager
async def over_a_socket(served: Served, query: str, variables: dict[str, Any]) -> AsyncIterator[Said]:
    async with served.client() as client:
        await client.subscribe("1", query, **variables)
        yield (text async for text in client.connection if isinstance(text, str))


@asynccontextmanager
async def responding(http: httpx.AsyncClient, method: str, **request: Any) -> AsyncIterator[Said]:
    async with http.stream(method, "/graphql", **request) as response:
        assert response.status_code == 200
        yield response.aiter_text()


def over_http(accept: str) -> Open:
    @asynccontextmanager
    async def opened(served: Served, query: str, variables: dict[str, Any]) -> AsyncIterator[Said]:
        operation, headers = {"query": query, "variables": variables}, {"accept": accept}
        async with (
            httpx.AsyncClient(base_url=served.http.base_url, timeout=PATIENCE) as http,
            responding(http, "POST", json=operation, headers=headers) as said,
        ):
            yield said

    return opened


@asynccontextmanager
async def in_a_stream(served: Served, query: str, variables: dict[str, Any]) -> AsyncIterator[Said]:
    async with httpx.AsyncClient(base_url=served.http.base_url, timeout=PATIENCE) as http:
        own = {TOKEN: (await http.put("/graphql")).text}
        async with responding(http, "GET", headers={"accept": SSE, **own}) as said:
            extensions = {"operationId": "1"}
            operation = {"query": query, "variables": variables, "extensions": extensions}
            assert (await http.post("/graphql", json=operation, headers=own)).status_code == 202
            yield said


TRANSPORTS: dict[str, Open] = {
    "socket": over_a_socket,
    "sse": over_http(SSE),
    "sse-single": in_a_stream,
    "multipart": over_http("multipart/mixed"),
    "multipart-apollo": over_http(APOLLO),
}


async def told(said: Said, sign: str) -> str:
    """All that is said up to this sign."""
    text = ""
    async with asyncio.timeout(PATIENCE):
        while sign not in text:
            text += await anext(said)
    return text


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_an_open_subscription_and_a_resumed_one_are_told_null(served: Served, transport: str) -> None:
    opened, person = TRANSPORTS[transport], f"person-{transport}"

    async def do(mutation: str, **fields: str) -> dict[str, Any]:
        return await asyncio.to_thread(lambda: served.do(mutation, **fields))

    before = await do("registerPerson", id=f"{person}-before", city="Linz")
    await do("registerPerson", id=person, city="Graz", name=GONE)
    async with opened(served, ROW, {"id": person}) as row:
        assert GONE in await told(row, "CaughtUp")
        await do("renamePerson", id=person, name=f"{GONE} 2")
        await told(row, f'{{"name":"{GONE} 2","former":["{GONE}"]}}')
        await do("eraseSubject", subject=person)
        heard = await told(row, '{"name":null,"former":[null]}')
    assert '"kind":"UPDATED","changedFields":["former","name"]' in heard
    assert GONE not in heard
    async with opened(served, PAST, {"id": person, "after": before["position"]}) as past:
        heard = await told(past, "CaughtUp")
    assert '{"type":"person.registered","data":{"city":"Graz","name":null}}' in heard.replace(
        '"__typename":"Event",', ""
    )
    assert GONE not in heard


async def test_a_process_without_redis_redacts_open_subscriptions_too(
    served: Served, settings: dict[str, Any]
) -> None:
    """It looks at the log in each poll interval."""
    person = f"person-{uuid4().hex}"

    async def do(mutation: str, **fields: str) -> None:
        await asyncio.to_thread(lambda: served.do(mutation, **fields))

    await do("registerPerson", id=person, city="Graz", name=GONE)
    with serve(worker=False, **{**settings, "redis_url": "redis://127.0.0.1:1/0"}) as apart:
        async with over_a_socket(apart, ROW, {"id": person}) as row:
            assert GONE in await told(row, "CaughtUp")
            await do("eraseSubject", subject=person)
            assert GONE not in await told(row, '{"name":null,')

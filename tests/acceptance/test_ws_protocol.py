"""graphql-transport-ws as its document says: handshake, close codes, pings, operations and their end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from tests.helpers.served_api import Served, serve
from tests.helpers.servers import eventually

COUNT = "{ tasks { totalCount } }"
EVENTS = "subscription { events { __typename } }"


@pytest.fixture
def impatient(mongo_url: str, redis_url: str, database: str) -> Iterator[Served]:
    """An API that does not wait long for `connection_init`, but long enough for a ping on a busy machine."""
    own: dict[str, Any] = {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}
    with serve(**own, worker=False, init_timeout=2.0) as running_api:
        yield running_api


async def test_the_subprotocol_is_negotiated(served: Served) -> None:
    async with served.socket() as client:
        assert client.connection.subprotocol == "graphql-transport-ws"


@pytest.mark.parametrize("offered", [None, "graphql-ws"])
async def test_another_subprotocol_is_not_acceptable(served: Served, offered: str | None) -> None:
    async with served.socket(offered) as client:
        assert (await client.closed())[0] == 4406


async def test_who_says_nothing_is_timed_out(impatient: Served) -> None:
    async with impatient.socket() as client:
        assert await client.closed() == (4408, "Connection initialisation timeout")


async def test_a_ping_does_not_prolong_the_time_to_initialise(impatient: Served) -> None:
    async with impatient.socket() as client:
        await client.send(type="ping")
        assert await client.receive() == {"type": "pong"}
        assert (await client.closed())[0] == 4408


async def test_a_second_init_is_one_too_many(served: Served) -> None:
    async with served.client() as client:
        await client.send(type="connection_init")
        assert await client.closed() == (4429, "Too many initialisation requests")


async def test_an_operation_before_init_is_unauthorized(served: Served) -> None:
    async with served.socket() as client:
        await client.subscribe("1", COUNT)
        assert await client.closed() == (4401, "Unauthorized")


@pytest.mark.parametrize(
    "message",
    [
        "{",
        "[]",
        '"connection_init"',
        "{}",
        '{"type": "nope"}',
        '{"type": "next", "id": "1", "payload": {}}',
        '{"type": "subscribe", "payload": {"query": "{ __typename }"}}',
        '{"type": "subscribe", "id": "", "payload": {"query": "{ __typename }"}}',
        '{"type": "subscribe", "id": 1, "payload": {"query": "{ __typename }"}}',
        '{"type": "subscribe", "id": "1"}',
        '{"type": "complete"}',
        b"\xff\x00",
    ],
)
async def test_a_message_that_is_none_closes_the_socket(served: Served, message: str | bytes) -> None:
    async with served.client() as client:
        await client.connection.send(message)
        assert (await client.closed())[0] == 4400


async def test_an_init_whose_payload_is_no_object_closes_the_socket(served: Served) -> None:
    async with served.socket() as client:
        await client.send(type="connection_init", payload=7)
        assert (await client.closed())[0] == 4400


async def test_a_message_over_the_limit_closes_the_socket(served: Served) -> None:
    async with served.client() as client:
        await client.subscribe("1", "#" * 200_000)
        assert (await client.closed())[0] == 1009


async def test_an_id_in_use_is_refused_and_free_again_once_its_operation_is_over(served: Served) -> None:
    async with served.client() as client:
        for _ in range(3):
            await client.subscribe("1", COUNT)
            assert await client.next() == {"totalCount": 0}
            assert await client.receive() == {"id": "1", "type": "complete"}
        await client.subscribe("1", EVENTS)
        assert await client.next() == {"__typename": "CaughtUp"}
        await client.subscribe("1", EVENTS)
        assert await client.closed() == (4409, "Subscriber for 1 already exists")


async def test_an_id_that_is_longer_than_a_close_frame_is_refused_all_the_same(served: Served) -> None:
    async with served.client() as client:
        for _ in range(2):
            await client.subscribe("ü" * 500, EVENTS)
        code, reason = await client.closed()
    assert (code, len((reason or "").encode()) <= 123) == (4409, True)


async def test_a_ping_is_answered_with_its_payload_and_a_pong_is_not_answered(served: Served) -> None:
    async with served.client() as client:
        await client.send(type="pong", payload={"a": 1})
        await client.send(type="ping", payload={"b": 2})
        assert await client.receive() == {"type": "pong", "payload": {"b": 2}}


async def test_queries_and_mutations_run_over_the_socket_beside_each_other(served: Served) -> None:
    document = 'mutation { createTask(input: {title: ""}) { receipt { stream } } }'
    async with served.client() as client:
        await client.subscribe("query", COUNT)
        await client.subscribe("mutation", document)
        results = [await client.receive() for _ in range(4)]
    kinds = {(result["id"], result["type"]) for result in results}
    assert kinds == {(name, kind) for name in ("query", "mutation") for kind in ("next", "complete")}
    [refused] = [r for r in results if r["id"] == "mutation" and r["type"] == "next"]
    assert refused["payload"]["errors"][0]["extensions"] == {
        "code": "VALIDATION_FAILED",
        "path": ["input", "title"],
    }


@pytest.mark.parametrize(
    ("payload", "path"),
    [
        ({"query": "{ nope }"}, ["nope"]),
        ({"query": "{"}, ["query"]),
        ({"query": 5}, ["query"]),
        ({}, ["query"]),
        ({"query": "query a { __typename } query b { __typename }"}, ["operationName"]),
        ({"query": "query ($id: ID!) { task(id: $id) { id } }"}, ["id"]),
        ({"query": 'subscription { events(after: "x") { __typename } }'}, ["after"]),
        ({"query": 'subscription { task(id: "task-1", after: "x") { __typename } }'}, ["after"]),
        ({"query": "subscription { tasks(first: -1) { __typename } }"}, ["first"]),
    ],
)
async def test_an_operation_that_is_refused_ends_with_an_error(
    served: Served, payload: dict[str, Any], path: list[str]
) -> None:
    async with served.client() as client:
        await client.send(type="subscribe", id="1", payload=payload)
        message = await client.receive()
        assert (message["id"], message["type"]) == ("1", "error")
        assert [error["extensions"] for error in message["payload"]] == [
            {"code": "VALIDATION_FAILED", "path": path}
        ]
        await client.subscribe("1", COUNT)
        assert await client.next() == {"totalCount": 0}


async def test_nothing_comes_after_the_client_has_completed_an_operation(served: Served) -> None:
    async with served.client() as client:
        await client.subscribe("1", EVENTS)
        assert await client.next() == {"__typename": "CaughtUp"}
        await client.send(type="complete", id="1")
        await client.send(type="complete", id="never-there")
        served.do("registerAgent", name="one")
        await client.subscribe("2", EVENTS)
        assert await client.next("2") == {"__typename": "CaughtUp"}


async def test_headers_in_the_init_payload_reach_operations(served: Served) -> None:
    """GraphiQL and browsers cannot set headers on a socket: they send them with `connection_init`."""
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    document = 'mutation { registerAgent(input: {name: "traced"}) { receipt { correlationId } } }'
    async with served.client(Traceparent=f"00-{trace}-00f067aa0ba902b7-01") as client:
        await client.subscribe("1", document)
        assert await client.next() == {"receipt": {"correlationId": trace}}


async def test_operations_end_with_their_socket(served: Served) -> None:
    """I11: what a client leaves behind when it vanishes holds nothing any more."""

    def followed() -> int:
        """The sources somebody follows."""
        lines = served.get("/metrics").text.splitlines()
        figures = [float(line.split()[-1]) for line in lines if line.startswith("nerve_cursors{")]
        return sum(figure > 0 for figure in figures)

    async with served.client() as client:
        for name, arguments in (("events", ""), ("task", '(id: "task-1")'), ("tasks", "")):
            await client.subscribe(name, f"subscription {{ {name}{arguments} {{ __typename }} }}")
        messages = [await client.receive() for _ in range(5)]
        assert all(message["type"] == "next" for message in messages)
        await asyncio.to_thread(eventually, lambda: followed() == 2)
        client.connection.transport.abort()
    await asyncio.to_thread(eventually, lambda: followed() == 0)

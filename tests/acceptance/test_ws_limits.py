"""What one socket, and all of a process, may take: operations, sockets, bytes outstanding, time to answer."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from pymongo import MongoClient
from websockets.exceptions import InvalidStatus

from tests.served import Served, serve

EVENTS = "subscription { events { __typename ... on Event { stream } } }"


@pytest.fixture(scope="module")
def served(mongo_url: str, redis_url: str) -> Iterator[Served]:
    database = f"test_{uuid4().hex}"
    with serve(
        mongo_url=mongo_url, redis_url=redis_url, database=database,
        max_operations=2, max_sockets=2, ping_interval=0.4, max_outstanding_bytes=20_000,
    ) as running_api:  # fmt: skip
        yield running_api
    with MongoClient[dict[str, object]](mongo_url) as client:
        client.drop_database(database)


async def test_an_operation_too_many_is_refused_and_the_others_go_on(served: Served) -> None:
    async with served.client() as client:
        for name in ("1", "2"):
            await client.subscribe(name, EVENTS)
            assert await client.next(name) == {"__typename": "CaughtUp"}
        await client.subscribe("3", EVENTS)
        refused = await client.receive()
        assert (refused["id"], refused["type"]) == ("3", "error")
        assert [error["extensions"]["code"] for error in refused["payload"]] == ["RATE_LIMITED"]
        await client.send(type="complete", id="1")
        await client.subscribe("3", EVENTS)
        assert await client.next("3") == {"__typename": "CaughtUp"}


async def test_a_socket_too_many_is_turned_away_before_it_is_one(served: Served) -> None:
    async with served.client(), served.client():
        with pytest.raises(InvalidStatus) as refused:
            async with served.socket():
                pass
        assert refused.value.response.status_code == 503
    async with served.client() as client:
        await client.subscribe("1", "{ __typename }")
        assert (await client.receive())["type"] == "next"


async def test_there_is_a_socket_at_the_address_of_graphql_alone(served: Served) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with served.socket(path="/elsewhere"):
            pass
    assert refused.value.response.status_code == 404

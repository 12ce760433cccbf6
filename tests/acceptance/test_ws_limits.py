"""What one socket may hold, and all of a process; and what /metrics says of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient
from websockets.exceptions import InvalidStatus

from tests.helpers.served_api import Served, serve
from tests.helpers.servers import eventually

EVENTS = "subscription { events { __typename ... on Event { stream } } }"


@pytest.fixture(scope="module")
def served(mongo_url: str, redis_url: str) -> Iterator[Served]:
    database = f"test_{uuid4().hex}"
    own: dict[str, Any] = {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}
    with serve(**own, max_operations=2, max_sockets=2) as running_api:
        yield running_api
    with MongoClient[dict[str, object]](mongo_url) as client:
        client.drop_database(database)


@pytest.fixture(autouse=True)
def _without_sockets(served: Served) -> None:
    """The sockets of the test before end a moment after their clients have left."""
    eventually(lambda: figures(served)["sockets"] == 0)


def figures(served: Served) -> dict[str, float]:
    lines = served.get("/metrics").text.splitlines()
    return {
        name.removeprefix("nerve_"): float(figure)
        for name, _, figure in (line.rpartition(" ") for line in lines)
        if name.startswith("nerve_socket")
    }


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
    await asyncio.to_thread(eventually, lambda: figures(served)["sockets"] == 0)
    async with served.client() as client:
        await client.subscribe("1", "{ __typename }")
        assert (await client.receive())["type"] == "next"


async def test_there_is_a_socket_at_the_address_of_graphql_alone(served: Served) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with served.socket(path="/elsewhere"):
            pass
    assert refused.value.response.status_code == 404


async def test_metrics_count_sockets_their_operations_and_how_they_closed(served: Served) -> None:
    async with served.client() as client, served.client() as other:
        await client.subscribe("1", EVENTS)
        assert await client.next() == {"__typename": "CaughtUp"}
        await asyncio.to_thread(eventually, lambda: figures(served)["socket_outstanding_bytes"] == 0)
        found = await asyncio.to_thread(figures, served)
        assert (found["sockets"], found["socket_operations"]) == (2, 1)
        await other.send(type="nope")
        await other.closed()
        await asyncio.to_thread(eventually, lambda: figures(served)["sockets"] == 1)
        assert (await asyncio.to_thread(figures, served))['socket_closes_total{code="4400"}'] == 1

"""What an operator of the deployment sees over the API: connections, consumers and tenants."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from tests.helpers.documentation import operation
from tests.helpers.served_api import Client, Served
from tests.helpers.servers import eventually

TAIL = "subscription Tail($after: Position) { events(after: $after) { __typename } }"
CONNECTIONS = operation("LargestConnections")
END = operation("EndConnection")


async def listed(served: Served, **variables: Any) -> Any:
    return (await asyncio.to_thread(served.ask, CONNECTIONS, **variables))["connections"]


async def caught_up(client: Client) -> None:
    await client.subscribe("tail", TAIL)
    while (await client.next("tail"))["__typename"] != "CaughtUp":
        pass


async def test_a_socket_is_listed_with_what_runs_over_it_and_ended_with_a_reason(served: Served) -> None:
    """Its client is told why. A second end is refused, as nothing is left to end."""
    await asyncio.to_thread(served.do, "registerAgent", "STORED", name="Ada")
    async with served.client() as client:
        await caught_up(client)
        connections = await listed(served)
        (socket,) = [each for each in connections["nodes"] if each["kind"] == "SOCKET"]
        (running,) = socket["operations"]
        assert (socket["tenant"], socket["subject"]) == ("default", None)
        assert (running["operationId"], running["name"], running["document"]) == ("tail", "Tail", TAIL)
        assert running["position"] is not None
        assert running["lag"] == 0
        (server,) = connections["servers"]
        assert server["name"] == socket["server"]
        assert (await listed(served, subject="nobody"))["nodes"] == []
        ended = await asyncio.to_thread(served.ask, END, id=socket["connectionId"], reason="it is idle")
        assert ended == {"endConnection": socket["connectionId"]}
        assert await client.closed() == (4403, "an operator has ended this connection: it is idle")
    again = await asyncio.to_thread(served.refused, END, id=socket["connectionId"], reason="again")
    assert again["extensions"]["code"] == "NOT_FOUND"
    no_reason = await asyncio.to_thread(served.refused, END, id=socket["connectionId"], reason=" ")
    assert no_reason["extensions"]["code"] == "VALIDATION_FAILED"


async def test_a_stream_over_http_is_listed_and_ended(served: Served) -> None:
    """Its last event has the error."""
    address = f"http://127.0.0.1:{served.port}/graphql"
    headers = {"accept": "text/event-stream"}
    async with (
        httpx.AsyncClient(timeout=60) as http,
        http.stream("POST", address, json={"query": TAIL}, headers=headers) as response,
    ):
        lines = response.aiter_lines()
        while "CaughtUp" not in await anext(lines):
            pass
        (stream,) = [each for each in (await listed(served))["nodes"] if each["kind"] == "STREAM"]
        assert [running["document"] for running in stream["operations"]] == [TAIL]
        await asyncio.to_thread(served.ask, END, id=stream["connectionId"], reason="it is idle")
        rest = "\n".join([line async for line in lines])
    assert "an operator has ended this connection: it is idle" in rest


def test_consumers_show_their_position_and_the_worker_of_each_partition(served: Served) -> None:
    """All of them catch up, and the groups of one process have all leases."""
    query = operation("ConsumersBehind")
    served.do("registerAgent", name="Grace")
    consumers: dict[str, Any] = {}

    def have_caught_up() -> bool:
        consumers.update((each["name"], each) for each in served.ask(query)["consumers"])
        owners = [partition["owner"] for each in consumers.values() for partition in each["partitions"]]
        return not any(each["lag"] for each in consumers.values()) and None not in owners

    eventually(have_caught_up)
    assert "view.agents" in consumers
    partitions = [partition for each in consumers.values() for partition in each["partitions"]]
    assert len({partition["owner"].rpartition(":")[0] for partition in partitions}) == 1
    assert all(0 < partition["leaseSeconds"] < 20 for partition in partitions)
    assert {(partition["failures"], partition["error"]) for partition in partitions} == {(0, None)}
    assert len(served.ask("{ consumers(first: 2) { name } }")["consumers"]) == 2


def test_tenants_are_listed_by_name_and_counted_on_request(served: Served) -> None:
    """A tenant that the log does not have has nothing."""
    served.do("registerAgent", name="Grace")
    query = operation("Tenants")
    (tenant,) = served.ask(query)["tenants"]
    assert tenant["name"] == "default"
    assert tenant["firstAt"] <= tenant["lastAt"]
    assert served.ask(query, after="default")["tenants"] == []
    counts = operation("TenantCounts")
    own = served.ask(counts, name="default")["tenantCounts"]
    assert own["events"] >= own["commits"] >= own["streams"] >= 1
    assert own["bytes"] > 0
    assert set(served.ask(counts, name="nobody")["tenantCounts"].values()) == {0}

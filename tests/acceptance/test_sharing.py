"""Who asks for the same shares executions, wherever it begins; who asks for something else does not."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.helpers.served_api import Served
from tests.helpers.servers import eventually


def figures(served: Served) -> dict[str, float]:
    """What the hub of events counts."""
    lines = served.get("/metrics").text.splitlines()
    told = [line.split() for line in lines if line.startswith("nerve_live_") and 'source="log"' in line]
    return {name.partition("{")[0].removeprefix("nerve_live_"): float(value) for name, value in told}


async def nobody_listens(served: Served) -> None:
    """Wait for the end of all subscriptions: they end a moment after their sockets."""
    await asyncio.to_thread(eventually, lambda: figures(served)["subscriptions"] == 0)


async def test_who_resumes_elsewhere_shares_what_comes_next(served: Served) -> None:
    """One from now on, one from the beginning, one from the middle: one group, each with its own past."""
    document = """subscription ($types: [String!], $from: Position) {
      events(filter: {types: $types}, after: $from) { ... on Event { stream } ... on Message { position } }
    }"""
    types = ["agent.registered"]
    made = [await asyncio.to_thread(served.do, "registerAgent", name=str(n)) for n in range(3)]
    await nobody_listens(served)
    async with served.client() as client:
        begun: dict[str, dict[str, Any]] = {
            "now": {"types": types},
            "middle": {"from": made[1]["position"], "types": types},
            "first": {"types": types, "from": made[0]["position"]},
        }
        heard: dict[str, list[str]] = {name: [] for name in begun}
        for name, variables in begun.items():
            await client.subscribe(name, document, **variables)
            while "stream" in (message := await client.next(name)):
                heard[name].append(message["stream"])
        before = figures(served)
        assert (before["subscriptions"], before["groups"]) == (3, 1)
        new = await asyncio.to_thread(served.do, "registerAgent", name="new")
        for _ in begun:
            message = await client.receive()
            heard[message["id"]].append(message["payload"]["data"]["events"]["stream"])
        assert figures(served)["executions_total"] == before["executions_total"] + 1
    streams = [one["stream"] for one in (*made, new)]
    assert heard == {"now": streams[3:], "middle": streams[2:], "first": streams[1:]}


async def test_others_have_executions_of_their_own(served: Served) -> None:
    """Another document, another variable, another operation of the same document; not another socket."""
    both = "subscription One { events { __typename } } subscription Two { events { ... on Event { id } } }"
    filtered = "subscription ($c: ID) { events(filter: {correlation: $c}) { __typename } }"
    asked: list[dict[str, Any]] = [
        {"query": both, "operationName": "One"},
        {"query": both, "operationName": "Two"},
        {"query": filtered, "variables": {"c": "a"}},
        {"query": filtered, "variables": {"c": "b"}},
    ]
    await nobody_listens(served)
    async with served.client() as one, served.client() as another:
        for name in range(8):
            client = one if name < 4 else another
            await client.send(type="subscribe", id=str(name), payload=asked[name % 4])
            await client.next(str(name))
        found = figures(served)
    assert (found["subscriptions"], found["groups"]) == (8, 4)
    await nobody_listens(served)

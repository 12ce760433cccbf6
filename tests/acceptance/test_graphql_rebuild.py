"""Rebuilds through GraphQL: begun by a mutation, followed by a subscription, and known afterwards."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from domain.kernel.errors import Unavailable
from projections.rebuilding.rebuilds import Rebuilds
from tests.helpers.served_api import Client, Served, serve
from tests.helpers.servers import eventually

STATUS = """
    name lag
    generations {
      number state phase begunAt events total rate secondsLeft
      comparison { same different missing extra moving examples { row verdict fields } }
    }
"""


@pytest.fixture
def own(mongo_url: str, redis_url: str, database: str) -> Iterator[Served]:
    """An API whose views nobody else builds anew."""
    with serve(mongo_url=mongo_url, redis_url=redis_url, database=database) as served:
        yield served


def status(served: Served) -> dict[str, Any]:
    query = f"query ($names: [String!]) {{ viewStatus(names: $names) {{ {STATUS} }} }}"
    (found,) = served.ask(query, names=["tasks"])["viewStatus"]
    tasks: dict[str, Any] = found
    return tasks


async def until_read(client: Client, number: int) -> list[dict[str, Any]]:
    """What the subscription says of the generation until it is read."""
    seen: list[dict[str, Any]] = []
    while not seen or seen[-1]["state"] != "ACTIVE":
        told = await client.next()
        seen += [one for one in told["generations"] if one["number"] == number]
    return seen


async def test_a_rebuild_is_begun_followed_and_compared(own: Served) -> None:
    for title in ("dig", "sow"):
        own.do("createTask", title=title)
    eventually(lambda: status(own)["lag"] == 0)
    before = status(own)
    (first,) = before["generations"]
    assert (before["name"], before["lag"], first["number"], first["state"]) == ("tasks", 0, 1, "ACTIVE")
    assert (first["events"], first["total"], first["phase"], first["comparison"]) == (2, 2, None, None)
    async with own.client() as client:
        await client.subscribe("1", f'subscription {{ viewStatus(names: ["tasks"]) {{ {STATUS} }} }}')
        assert [one["number"] for one in (await client.next())["generations"]] == [1]
        begun = own.ask('mutation { rebuildView(name: "tasks") { generations { number } } }')
        assert begun["rebuildView"]["generations"] == [{"number": 1}, {"number": 2}]
        seen = await until_read(client, 2)
    assert {one["state"] for one in seen[:-1]} <= {"BUILDING"}
    assert all(one["phase"] for one in seen[:-1])
    assert seen[-1]["events"] == seen[-1]["total"] == 2
    after = {one["number"]: one for one in status(own)["generations"]}
    assert after[1]["state"] == "KEPT"
    counts = {"same": 2, "different": 0, "missing": 0, "extra": 0, "moving": 0, "examples": []}
    assert after[2]["comparison"] == counts
    forgotten = own.ask('mutation { forgetGenerations(name: "tasks") { generations { number } } }')
    assert forgotten["forgetGenerations"]["generations"] == [{"number": 2}]


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (
            'mutation { rebuildView(name: "ghosts") { name } }',
            "there is no view 'ghosts'; there are agents, ",
        ),
        ('mutation { cancelRebuild(name: "tasks") { name } }', "'tasks' has no rebuild that is building"),
        ('mutation { resumeRebuild(name: "tasks") { name } }', "'tasks' has no rebuild that is cancelled"),
        ('{ viewStatus(names: ["ghosts"]) { name } }', "there is no view 'ghosts'"),
    ],
)
def test_what_is_not_there_is_said(served: Served, operation: str, message: str) -> None:
    error = served.refused(operation)
    assert error["extensions"]["code"] == "NOT_FOUND"
    assert message in error["message"]


async def test_a_subscription_to_a_view_that_is_none_is_refused(served: Served) -> None:
    async with served.client() as client:
        await client.subscribe("1", 'subscription { viewStatus(names: ["ghosts"]) { name } }')
        message = await client.receive()
    assert message["payload"][0]["extensions"]["code"] == "NOT_FOUND"


async def test_a_subscription_goes_on_after_an_outage(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What changed meanwhile arrives when the status can be read again."""
    is_refused = threading.Event()

    async def refuse(*_: object) -> None:
        is_refused.set()
        raise Unavailable("MongoDB did not answer")

    served.do("createTask", title="before the outage")
    async with served.client() as client:
        await client.subscribe(
            "1", 'subscription { viewStatus(names: ["tasks"]) { generations { events } } }'
        )
        (generation,) = (await client.next())["generations"]
        with monkeypatch.context() as outage:
            outage.setattr(Rebuilds, "status", refuse)
            assert await asyncio.to_thread(is_refused.wait, 60)
        await asyncio.to_thread(served.do, "createTask", title="after the outage")
        before = generation["events"]
        while generation["events"] == before:
            (generation,) = (await client.next())["generations"]

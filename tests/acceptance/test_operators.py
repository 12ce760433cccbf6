"""What an operator follows, by the operations of the pages: alerts about nerve, calls, serious events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient

from api.settings import Settings
from tests.helpers.documentation import operation
from tests.helpers.fragile_context import BAD
from tests.helpers.parcel_delivery.runs import CONTEXTS, PORTS
from tests.helpers.served_api import Client, Served, serve
from tests.helpers.servers import eventually


@pytest.fixture(scope="module")
def watched(mongo_url: str, redis_url: str) -> Iterator[Served]:
    """An API with a worker that raises alerts, and with a process that calls a port."""
    database = f"test_{uuid4().hex}"
    contexts = (
        *Settings.model_fields["contexts"].default,
        "projections.builtin.alerts",
        "tests.helpers.fragile_context",
        *CONTEXTS,
    )
    with serve(
        mongo_url=mongo_url,
        redis_url=redis_url,
        database=database,
        contexts=contexts,
        ports=PORTS,
        self_monitoring={"interval": 0.5},
    ) as served:
        yield served
    with MongoClient[dict[str, Any]](mongo_url) as client:
        client.drop_database(database)


async def caught_up(client: Client, subscription: str) -> None:
    """Begin a subscription of a page."""
    await client.subscribe("1", operation(subscription))
    while (await client.next())["__typename"] != "CaughtUp":
        pass


async def test_an_alert_about_nerve_reaches_an_open_subscription(watched: Served) -> None:
    """Here that a view could not fold an event, until that is dropped."""
    async with watched.client() as client:
        await caught_up(client, "AlertsOfNerve")
        item = watched.do("addItem", "STORED", name=BAD)["stream"]
        message = await client.next()
        assert (message["kind"], message["rowId"]) == ("ADDED", "alert-nerve:dead-letters:items")
        assert message["alert"]["details"] == {"view": "items", "deadLetters": 1}
        watched.do("dropDeadLetter", view="items", row=item, stream=item, version=1)
        message = await client.next()
        assert (message["kind"], message["rowId"]) == ("REMOVED", "alert-nerve:dead-letters:items")


def test_each_call_of_a_port_is_recorded_by_itself(watched: Served) -> None:
    """With its outcome, its attempts and its latency."""
    parcel = watched.do("bookParcel", "STORED", weight=3)["stream"]
    query = operation("SlowestCalls").replace('"payments"', '"mail"')

    def calls() -> list[Any]:
        nodes: list[Any] = watched.ask(query)["portCalls"]["nodes"]
        return [node for node in nodes if node["outcome"] is not None]

    eventually(lambda: bool(calls()))
    (call,) = calls()
    assert (call["request"], call["outcome"], call["attempts"]) == ("Announce", "REPLIED", 1)
    assert call["processId"] == f"delivery-{parcel}"
    assert call["latencySeconds"] >= 0


async def test_events_are_filtered_by_their_severity(watched: Served) -> None:
    """Live and in pages; the severity of an alert is that of its data, and most types have none."""
    watched.do(
        "raiseAlert", "STORED", key="disk", severity="CRITICAL", category="disk", message="It is full."
    )
    async with watched.client() as client:
        await caught_up(client, "SeriousEvents")
        agent = watched.do("registerAgent", "STORED", name="Ada")["stream"]
        task = watched.do("createTask", "STORED", title="x", agentId=agent)["stream"]
        watched.do("failTask", "STORED", id=task, error="no")
        event = await client.next()
        while event["type"] == "alert.raised":
            event = await client.next()
    assert (event["severity"], event["type"], event["stream"]) == ("ERROR", "task.failed", task)
    query = "query ($filter: EventFilter) { events(filter: $filter, first: 50) { nodes { type severity } } }"
    everything = watched.ask(query, filter={"streams": [task]})["events"]["nodes"]
    assert [each["severity"] for each in everything[:-1]] == [None] * (len(everything) - 1)
    for conditions, types in (
        ({"severities": ["ERROR"], "streams": [task]}, ["task.failed"]),
        ({"severities": ["INFO"]}, []),
        ({"severities": ["INFO", "CRITICAL"]}, ["alert.raised"]),
        ({"severities": ["ERROR"], "types": ["task.created", "task.failed"]}, ["task.failed"]),
        ({"severities": [], "streams": [task]}, []),
        ({"severities": ["WARNING"], "categories": ["task"]}, []),
    ):
        assert [each["type"] for each in watched.ask(query, filter=conditions)["events"]["nodes"]] == types

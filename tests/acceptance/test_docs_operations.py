"""The operations and requests on the pages for developers and operators do what the pages say."""

from __future__ import annotations

import json
import os
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient

from tests.helpers.documentation import ROOT, code_blocks, operation
from tests.helpers.served_api import Client, Served, serve

DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def served(mongo_url: str, redis_url: str) -> Iterator[Served]:
    """An API with a worker, and with a master key."""
    key, database = b64encode(os.urandom(32)).decode(), f"test_{uuid4().hex}"
    with serve(mongo_url=mongo_url, redis_url=redis_url, database=database, master_key=key) as served:
        yield served
    with MongoClient[dict[str, Any]](mongo_url) as client:
        client.drop_database(database)


async def until(client: Client, kind: str) -> list[Any]:
    """Return the messages up to the first one of this type."""
    messages = [await client.next()]
    while messages[-1]["__typename"] != kind:
        messages.append(await client.next())
    return messages


async def test_a_subscription_resumes_after_a_position(served: Served) -> None:
    """Each row that changed since comes once, in its present state."""
    async with served.client() as client:
        await client.subscribe("1", operation("Resume"))
        snapshot, caught_up = await until(client, "CaughtUp")
    assert snapshot["__typename"] == "TasksSnapshot"
    task = served.do("createTask", title="Read the log", priority="HIGH")["stream"]
    served.do("cancelTask", id=task)
    async with served.client() as client:
        await client.subscribe("1", operation("Resume"), after=caught_up["position"])
        changed, _ = await until(client, "CaughtUp")
    assert (changed["__typename"], changed["task"]["status"]) == ("TaskChanged", "CANCELLED")


async def test_events_are_followed_with_a_filter(served: Served) -> None:
    """The message of an event has the fields that the page shows."""
    (shown,) = code_blocks(DOCS / "live-subscriptions.md", "json")
    async with served.client() as client:
        await client.subscribe("1", operation("Completions"))
        assert (await client.next())["__typename"] == "CaughtUp"
        served.do("createTask", title="Read the log", priority="HIGH")
        event = await client.next()
    expected = json.loads(shown)
    assert event.keys() == expected.keys()
    assert (event["type"], event["version"]) == (expected["type"], expected["version"])
    assert event["data"] == expected["data"]


async def test_a_command_is_followed_by_the_id_that_its_client_chose(served: Served) -> None:
    """The same command again returns the first receipt."""
    async with served.client() as client:
        await client.subscribe("1", operation("Follow"), id="invoice-4711")
        receipt = served.ask(operation("Once"))["createTask"]["receipt"]
        messages = await until(client, "CommandStored")
    again = served.ask(operation("Once"))["createTask"]["receipt"]
    assert messages[-1]["receipt"]["version"] == 1
    assert (receipt["replayed"], again) == (False, {**receipt, "replayed": True})
    assert receipt["correlationId"] == receipt["commandId"] == "invoice-4711"


def test_the_trace_of_a_request_is_the_correlation_id_of_its_commands(served: Served) -> None:
    """It comes in the header `traceparent`."""
    trace = uuid4().hex
    mutation = 'mutation { createTask(input: { title: "x" }) { receipt { correlationId } } }'
    response = served.post({"query": mutation}, traceparent=f"00-{trace}-00f067aa0ba902b7-01")
    assert response.json()["data"]["createTask"]["receipt"] == {"correlationId": trace}


async def test_a_trace_is_read_and_then_followed(served: Served) -> None:
    """The subscription goes on where the query ended."""
    correlation = uuid4().hex
    header = f"00-{correlation}-00f067aa0ba902b7-01"
    body = {"query": 'mutation { createTask(input: { title: "x" }) { receipt { stream } } }'}
    served.post(body, traceparent=header)
    trace = served.ask(operation("Trace"), id=correlation)["trace"]
    nodes = [("COMMAND", "CreateTask"), ("EVENT", "task.created")]
    assert [(node["kind"], node["name"]) for node in trace["nodes"]] == nodes
    async with served.client() as client:
        await client.subscribe("1", operation("FollowTrace"), id=correlation, after=trace["position"])
        assert await client.next() == {}, "the subscriber has caught up"
        served.post(body, traceparent=header)
        message = await client.next()
    assert [(node["kind"], node["name"]) for node in message["nodes"]] == nodes


def test_a_subject_is_erased(served: Served) -> None:
    """The operation is accepted, and its receipt has a position."""
    served.do("createDocument", title="x", content={}, subjectId="person-42")
    assert served.ask(operation("Erase"))["eraseSubject"]["receipt"]["position"]


async def test_a_view_is_rebuilt_and_followed(served: Served) -> None:
    """No generation is held afterwards, so there is none to approve."""
    async with served.client() as client:
        await client.subscribe("1", operation("Progress"))
        await client.next()
        served.ask(operation("Rebuild"))
        states: list[str] = []
        while "KEPT" not in states:
            states = [generation["state"] for generation in (await client.next())["generations"]]
    assert states[-1] == "ACTIVE"
    assert served.refused(operation("Approve"))["extensions"]["code"] == "NOT_FOUND"


@pytest.mark.parametrize(("accepted", "frame"), [("event-stream", "event: next"), ("multipart", "--graphql")])
def test_curl_subscribes_over_http(served: Served, accepted: str, frame: str) -> None:
    """Each command of the page prints the snapshot and `CaughtUp`, each in a frame of its format."""
    (script,) = code_blocks(DOCS / "live-subscriptions.md", "sh")
    *variables, _, _ = script.splitlines()
    (curl,) = [line for line in script.splitlines() if line.startswith("curl") and accepted in line]
    command = "\n".join([*variables, f"exec {curl} --silent --max-time 30"])
    command = command.replace("127.0.0.1:8321", f"127.0.0.1:{served.port}")
    with subprocess.Popen(["sh", "-c", command], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [next(process.stdout)]
        while "CaughtUp" not in lines[-1]:
            lines.append(next(process.stdout))
        process.terminate()
    assert lines.count(f"{frame}\n") == 2


def test_the_metrics_of_the_last_minutes_have_all_servers(served: Served) -> None:
    """A server has the samples since its own start; a worker shows by its leases too."""
    served.do("createTask", title="Read the log", priority="HIGH")
    data = served.ask(operation("LastMinutes"))
    recent, deployment = data["recentMetrics"], data["deploymentStatus"]
    assert (recent["step"], len(recent["times"])) == (5, 60)
    assert {len(recent[name]) for name in ("head", "commits", "accepted", "servers")} == {60}
    assert "API" in {server["role"] for server in recent["runningServers"]}
    assert int(deployment["head"]) >= 1
    assert [worker["leases"] > 0 for worker in deployment["workers"]] == [True]

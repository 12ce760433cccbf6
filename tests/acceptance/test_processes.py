"""Processes in the API: the view `processes`, the commands that operate instances, and traces.

The test stores what the runtime of processes would store, so that each state is there to be looked at.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from api.contexts import load_contexts
from api.graphql.schema import print_api
from api.lifecycle import open_runtime
from api.runtime import Runtime
from api.settings import Settings
from domain.process.events import CommandWasRefused
from domain.process.outcomes import CommandRefused
from projections.querying.row_scope import RowScope
from subscriptions.consumers.state import Partition
from subscriptions.processes.instances import InstanceKey
from subscriptions.processes.open_work import OpenWork, Work
from tests.helpers.parcel_delivery.runs import CONTEXTS, PORTS, DeliveryRun, projecting
from tests.helpers.process_documents import (
    ATTEMPTS,
    BOOK,
    BOOK_NOTHING,
    COMMAND,
    LIVE_TRACE,
    OPERATE,
    PROCESS,
    RETRY_ALL,
    TRACE,
    messages_of,
    tree,
)
from tests.helpers.served_api import Served, serve


@pytest.fixture
async def runtime(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[Runtime]:
    """A process of nerve that keeps the views, without the runtime of processes."""
    parts: dict[str, Any] = {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}
    settings = Settings(contexts=CONTEXTS, ports=PORTS, poll_interval=0.2, **parts)
    async with open_runtime(settings) as opened, projecting(opened):
        yield opened


@pytest.fixture
def api(runtime: Runtime, mongo_url: str, redis_url: str, database: str) -> Iterator[Served]:
    """The API over the same database."""
    parts = {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}
    with serve(worker=False, contexts=CONTEXTS, ports=PORTS, **parts) as served:
        yield served


async def ask(api: Served, query: str, **variables: Any) -> Any:
    """The value of the only field of an operation that has no errors."""
    [value] = (await asyncio.to_thread(lambda: api.ask(query, **variables))).values()
    return value


async def errors_of(api: Served, query: str, **variables: Any) -> Any:
    """The only error of an operation."""
    return await asyncio.to_thread(lambda: api.refused(query, **variables))


async def position(api: Served) -> str:
    """The position of the last event."""
    page = await ask(api, "{ events(last: 1) { nodes { position } } }")
    last: str = page["nodes"][0]["position"]
    return last


async def stuck_delivery(runtime: Runtime, parcel: str, tenant: str = "default") -> DeliveryRun:
    """A delivery that is stuck, because its parcel could not be loaded."""
    run = DeliveryRun(runtime, parcel, tenant)
    await run.book()
    await run.react()
    message = f"{parcel} is on a van already"
    effect = await run.effect_id("load")
    refused = CommandWasRefused(effect=effect, code="INVARIANT_VIOLATED", message=message)
    await run.fail("load", refused, CommandRefused("load", refused.code, message))
    return run


async def test_an_instance_is_followed_from_its_start_to_its_compensation(
    runtime: Runtime, api: Served
) -> None:
    """The row shows what it waits for, what was done, and what was undone."""
    run = DeliveryRun(runtime, "parcel-1")
    await run.book()
    await run.react()
    row = await ask(api, PROCESS, id=run.instance, at=await position(api))
    assert (row["id"], row["_meta"]["key"]) == ("Process:delivery-parcel-1", "delivery-parcel-1")
    assert (row["kind"], row["key"], row["status"]) == ("delivery", "parcel-1", "RUNNING")
    assert row["waitingFor"] == ["load", "too late"]
    assert row["correlationId"] == run.correlation
    await run.load()
    await run.refuse()
    await run.unload()
    row = await ask(api, PROCESS, id=row["id"], at=await position(api))
    assert (row["status"], row["errorCode"]) == ("COMPENSATED", "GONE")
    assert row["compensationReason"] == "the receiver does not answer"
    assert [(each["name"], each["state"]) for each in row["effects"]] == [
        ("load", "UNDONE"), ("announce", "REFUSED"), ("undo load", "DONE"),
    ]  # fmt: skip
    assert row["effects"][1]["port"] == "mail"


async def test_the_attempts_of_a_call_without_an_outcome_are_read(runtime: Runtime, api: Served) -> None:
    """They are not in the log: a worker writes them beside its open work."""
    run = DeliveryRun(runtime, "parcel-1")
    due = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    instance = InstanceKey("default", run.instance)
    work = Work(instance, "call-1", "calls", run.instance, 2, 2, "c", due, 7, "the port is down")
    other = Work(instance, "call-2", "calls", run.instance, 3, 2, "c", due)
    await OpenWork(runtime.database, "delivery", Partition()).save([work, other], ())
    for process in (run.instance, f"Process:{run.instance}"):
        assert await ask(api, ATTEMPTS, id=process) == [
            {
                "effectId": "call-1",
                "attempts": 7,
                "error": "the port is down",
                "nextAttemptAt": "2030-01-02T03:04:05.000Z",
            }
        ]


async def test_a_stuck_instance_is_retried_with_a_reason(runtime: Runtime, api: Served) -> None:
    """The reason is an event; an instance that is not stuck refuses, with its id and what to do."""
    run = await stuck_delivery(runtime, "parcel-1")
    row = await ask(api, PROCESS, id=run.instance, at=await position(api))
    assert (row["status"], row["stuckOn"], row["waitingFor"]) == ("STUCK", "load", ["too late"])
    retried = await ask(api, OPERATE % "retryProcess", id=row["id"])
    assert retried["process"] == {"status": "RUNNING", "retries": 1, "stuckOn": None}
    assert retried["receipt"]["stream"] == run.instance
    events = await runtime.log.stream("default", run.instance)
    assert events[-1].data["reason"] == "the address was mended"
    error = await errors_of(api, OPERATE % "resumeProcess", id=run.instance)
    assert error["extensions"]["code"] == "INVARIANT_VIOLATED"
    assert run.instance in error["message"]
    assert "only a stuck process" in error["message"]


async def test_instances_are_operated_by_a_filter(runtime: Runtime, api: Served) -> None:
    """Only stuck instances of the caller's tenant are retried, as many as the limit allows."""
    for number in range(3):
        await stuck_delivery(runtime, f"parcel-{number}")
    running = DeliveryRun(runtime, "parcel-7")
    await running.book()
    await running.react()
    foreign = await stuck_delivery(runtime, "parcel-8", "other")
    at = await runtime.log.head()
    await runtime.readers["processes"].wait_for(at, 60)
    first = await ask(api, RETRY_ALL, filter={"kind": {"eq": "delivery"}}, limit=2)
    assert (first["changed"], first["hasMore"], first["refused"]) == (2, True, [])
    await runtime.readers["processes"].wait_for(await runtime.log.head(), 60)
    second = await ask(api, RETRY_ALL, filter={"kind": {"eq": "delivery"}}, limit=2)
    assert (second["changed"], second["hasMore"]) == (1, False)
    await runtime.readers["processes"].wait_for(await runtime.log.head(), 60)
    none = await ask(api, RETRY_ALL, filter={}, limit=2)
    assert none == {"changed": 0, "hasMore": False, "position": None, "refused": []}
    other = await runtime.readers["processes"].get(RowScope("other"), foreign.instance)
    assert other is not None
    assert other["status"] == "STUCK"


async def test_the_instances_that_have_not_ended_are_a_metric(runtime: Runtime, api: Served) -> None:
    """All tenants count; a state without instances is 0."""
    await stuck_delivery(runtime, "parcel-1")
    await stuck_delivery(runtime, "parcel-2", "other")
    await DeliveryRun(runtime, "parcel-3").book()
    await DeliveryRun(runtime, "parcel-3").react()
    await runtime.readers["processes"].wait_for(await runtime.log.head(), 60)
    text = (await asyncio.to_thread(api.get, "/metrics")).text
    for status, count in (("STUCK", 2), ("RUNNING", 1), ("COMPENSATING", 0)):
        assert f'nerve_process_instances{{process="delivery",status="{status}"}} {count}.0' in text


async def test_a_limit_out_of_range_is_refused(api: Served) -> None:
    """The error names the argument."""
    error = await errors_of(api, RETRY_ALL, filter={}, limit=0)
    assert error["extensions"] == {"code": "VALIDATION_FAILED", "path": ["limit"]}


async def test_the_trace_is_the_tree_of_all_that_one_request_has_caused(
    runtime: Runtime, api: Served
) -> None:
    """Commands, events, reactions, effects and outcomes lead to each other by their ids."""
    run = DeliveryRun(runtime, "parcel-1")
    await run.book()
    await run.react()
    await run.load()
    await run.answer()
    await DeliveryRun(runtime, "parcel-2").book()
    trace = await ask(api, TRACE, id=run.correlation)
    assert tree(trace["nodes"]) == [
        "COMMAND BookParcel",
        "  EVENT parcel.booked",
        "    REACTION delivery",
        "      EVENT delivery.planned",
        "      EFFECT too late",
        "      EFFECT load",
        "        COMMAND LoadParcel",
        "          EVENT parcel.loaded",
        "        OUTCOME done",
        "          EFFECT announce",
        "            OUTCOME done",
        "              EVENT process.completed",
    ]
    assert trace["truncated"] is False
    assert all(node["secondsAfterParent"] is not None for node in trace["nodes"][1:])
    parts = await ask(api, TRACE, id=run.correlation, first=1)
    assert (len(parts["nodes"]), parts["truncated"]) == (2, True)
    rest = await ask(api, TRACE, id=run.correlation, after=parts["position"])
    ids = [node["nodeId"] for node in (*parts["nodes"], *rest["nodes"])]
    assert ids == [node["nodeId"] for node in trace["nodes"]]


async def test_a_trace_is_followed_live(runtime: Runtime, api: Served) -> None:
    """The subscription sends the nodes behind the position that the query has read, each once."""
    run = DeliveryRun(runtime, "parcel-1")
    await run.book()
    await run.react()
    before = await ask(api, TRACE, id=run.correlation)
    nodes = list(before["nodes"])
    async with api.client() as client:
        await client.subscribe("1", LIVE_TRACE, id=run.correlation, after=before["position"])
        assert await client.next() == {"__typename": "CaughtUp"}
        await run.load()
        await run.answer()
        while nodes[-1]["name"] != "process.completed":
            message = await client.next()
            assert message["__typename"] == "TraceNodes"
            nodes += message["nodes"]
    assert tree(nodes) == tree((await ask(api, TRACE, id=run.correlation))["nodes"])


async def test_a_trace_shows_nothing_of_another_tenant(runtime: Runtime, api: Served) -> None:
    """The same correlation id in another tenant is another trace."""
    foreign = DeliveryRun(runtime, "parcel-1", "other")
    await foreign.book("c-1")
    assert foreign.correlation == "c-1"
    trace = await ask(api, TRACE, id="c-1")
    assert (trace["nodes"], trace["startedAt"], trace["truncated"]) == ([], None, False)


async def test_a_command_is_followed_to_the_end_of_the_process_that_it_has_started(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """A worker runs the deliveries: one is completed, one is compensated, one parcel starts no delivery."""
    refusal = {"operation": "Announce", "where": {"parcel": "parcel-2"}, "code": "GONE"}
    ports = {"mail": {**PORTS["mail"], "refusals": [refusal]}}
    parts: dict[str, Any] = {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}
    with serve(contexts=CONTEXTS, ports=ports, **parts) as running:
        ends = {}
        for number in (1, 2):
            async with running.client() as client:
                await client.subscribe("1", COMMAND, id=f"c-{number}")
                await ask(running, BOOK, id=f"parcel-{number}", command=f"c-{number}")
                ends[number] = [message async for message in messages_of(client)][-1]
            async with running.client() as late:
                await late.subscribe("1", COMMAND, id=f"c-{number}")
                assert [message async for message in messages_of(late)][-1] == ends[number]
        async with running.client() as client:
            await ask(running, BOOK_NOTHING, id="parcel-3", command="c-3")
            await client.subscribe("1", COMMAND, id="c-3")
            kinds = {message["__typename"] async for message in messages_of(client)}
            assert not kinds & {"ProcessFinished", "ProcessCompensated"}
    assert ends[1] == {
        "__typename": "ProcessFinished", "processId": "delivery-parcel-1", "status": "COMPLETED",
    }  # fmt: skip
    assert ends[2] == {
        "__typename": "ProcessCompensated",
        "processId": "delivery-parcel-2",
        "reason": "the receiver does not answer",
    }


async def test_without_a_process_the_api_has_nothing_of_processes() -> None:
    """Neither the view nor the mutations exist."""
    declarations = load_contexts(Settings(contexts=("tests.helpers.parcel_delivery.parcels",)))
    schema = print_api(declarations.catalog, declarations.views)
    assert "processes(" not in schema
    assert "Process(" not in schema

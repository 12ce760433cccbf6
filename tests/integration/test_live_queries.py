"""Live queries on a running nerve: lists, counts, links and single rows, for several tenants."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from pymongo import MongoClient

from domain.agents.commands import RegisterAgent
from domain.tasks.commands import AssignTask, CancelTask, CreateTask
from domain.tasks.events import Priority
from tests.helpers.live_query_rig import DEADLINE, LiveQueryClient, LiveQueryRig, open_live_query_rig, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOP = """{
  top: tasks(orderBy: [{field: TITLE, direction: DESC}], first: 3) {
    nodes { id title status agent { name } } totalCount
  }
  high: tasks(filter: {priority: {eq: HIGH}}) { totalCount }
}"""
FULL = f"subscription ($after: Position) {{ live(after: $after) {{ position query {TOP} }} }}"
PATCHES = f"subscription {{ live(format: PATCH) {{ position query {TOP} patch }} }}"
TASK = "subscription ($id: ID!) { live { position query { task(id: $id) { title status } } } }"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig(mongo_url: str, redis_url: str) -> AsyncIterator[LiveQueryRig]:
    database = f"test_{uuid4().hex}"
    async with open_live_query_rig(mongo_url, redis_url, database, max_queries_per_tenant=4) as rig:
        yield rig
    with MongoClient[dict[str, Any]](mongo_url) as client:
        client.drop_database(database)


@pytest.fixture
def tenant() -> str:
    """Return a tenant of the test's own, so that tests share the running nerve."""
    return f"tenant-{uuid4().hex}"


async def ready(*clients: LiveQueryClient) -> None:
    """Wait until each of them has a result."""
    await until(lambda: all(client.bodies or client.is_ended for client in clients))


async def test_fifty_subscribers_follow_a_window_with_counts_and_links_by_the_executions_of_one(
    rig: LiveQueryRig, tenant: str
) -> None:
    """The results are those of the same query, whole or as patches; MongoDB is read once an execution."""
    database = rig.runtime.database
    clients = [rig.open(FULL, tenant)]
    for number in range(50):
        clients.append(rig.open(FULL if number else PATCHES, tenant))
    await ready(*clients)
    executions = rig.executions
    await database.command({"profile": 1, "filter": {"command.sort.title": {"$exists": True}}})
    await rig.send(RegisterAgent(id="agent-a", name="Ada"), tenant=tenant)
    for number in range(5):
        await rig.send(
            CreateTask(id=f"task-{number}", title=f"Title {number}", priority=Priority.HIGH),
            AssignTask(id=f"task-{number}", agent_id="agent-a"),
            tenant=tenant,
        )
    await rig.send(CancelTask(id="task-4", reason="none"), tenant=tenant)
    await rig.projected()
    await until(lambda: all(is_final(client.query) for client in clients))

    async def are_shared() -> bool:
        """There are two topics, which may share a read."""
        reads = await database["system.profile"].count_documents({"ns": {"$regex": "tasks"}})
        done = rig.executions - executions
        return done / 2 <= reads <= done

    # An execution is counted a moment before or after its read.
    async with asyncio.timeout(DEADLINE):
        while not await are_shared():
            await asyncio.sleep(0.01)
    await database.command({"profile": 0})
    present = await rig.query(TOP, tenant)
    await until(lambda: all(client.query == present for client in clients))
    assert (present["top"]["totalCount"], present["high"]["totalCount"]) == (5, 5)
    assert present["top"]["nodes"][0]["agent"] == {"name": "Ada"}
    await rig.send(CancelTask(id="task-3", reason="none"), tenant=tenant)
    await until(lambda: all(client.query["top"]["nodes"][1]["status"] == "CANCELLED" for client in clients))
    assert {len(client.bodies) for client in clients[2:]} == {len(clients[0].bodies)}
    [step] = clients[1].bodies[-1]["data"]["live"]["patch"]
    assert step == {"op": "replace", "path": "/top/nodes/1/status", "value": "CANCELLED"}


def is_final(data: Any) -> bool:
    """Return whether a result has the last change, and the agents, which are rows of another view."""
    nodes = data["top"]["nodes"]
    return bool(nodes) and nodes[0]["status"] == "CANCELLED" and all(node["agent"] for node in nodes)


async def test_tenants_with_the_same_ids_share_nothing(rig: LiveQueryRig, tenant: str) -> None:
    other = f"{tenant}-other"
    await rig.send(CreateTask(id="task-same", title="mine"), tenant=tenant)
    await rig.send(CreateTask(id="task-same", title="theirs"), tenant=other)
    await rig.projected()
    mine, theirs = (rig.open(TASK, each, id="task-same") for each in (tenant, other))
    await ready(mine, theirs)
    executions = rig.executions
    await rig.send(CancelTask(id="task-same", reason="none"), tenant=tenant)
    await until(lambda: mine.query["task"]["status"] == "CANCELLED")
    assert theirs.query == {"task": {"title": "theirs", "status": "CREATED"}}
    assert (rig.executions - executions, len(theirs.bodies)) == (1, 1)


async def test_a_single_row_is_read_again_for_its_own_changes_alone(rig: LiveQueryRig, tenant: str) -> None:
    await rig.send(CreateTask(id="task-a", title="a"), CreateTask(id="task-b", title="b"), tenant=tenant)
    await rig.projected()
    client = rig.open(TASK, tenant, id="task-a")
    await ready(client)
    executions = rig.executions
    await rig.send(CancelTask(id="task-b", reason="none"), tenant=tenant)
    await rig.send(CancelTask(id="task-a", reason="none"), tenant=tenant)
    await until(lambda: client.query["task"]["status"] == "CANCELLED")
    assert rig.executions == executions + 1


async def test_a_subscriber_resumes_without_a_gap(rig: LiveQueryRig, tenant: str) -> None:
    """It receives nothing that it has, and the present result if something has changed meanwhile."""
    client = rig.open(FULL, tenant)
    await ready(client)
    client.close()
    await rig.send(CreateTask(id="task-a", title="a"), tenant=tenant)
    resumed = rig.open(FULL, tenant, after=client.position)
    await until(lambda: resumed.query and resumed.query["top"]["totalCount"] == 1)
    resumed.close()
    idle = rig.open(FULL, tenant, after=resumed.position)
    follower = rig.open(FULL, tenant)
    await ready(follower)
    await rig.send(CreateTask(id="task-b", title="b"), tenant=tenant)
    await until(lambda: idle.query and idle.query["top"]["totalCount"] == 2)
    assert idle.bodies[-1]["data"] == follower.bodies[-1]["data"]


@pytest.mark.parametrize(
    ("document", "code", "part"),
    [
        ("live { query { viewer { tenant } } }", "VALIDATION_FAILED", "viewer does not read"),
        ("live { query { __typename } }", "VALIDATION_FAILED", "needs a field that reads a view"),
        ("live { position }", "VALIDATION_FAILED", "needs the field `query` once"),
        (f"live {{ query {TOP} other: query {TOP} }}", "VALIDATION_FAILED", "once, not 2 times"),
        (f"live(format: PATCH) {{ query {TOP} }}", "VALIDATION_FAILED", "select `patch`"),
        (f"live(interval: 0.001) {{ query {TOP} }}", "VALIDATION_FAILED", "between 0.05 and 3600"),
        ('live { query { tasks(asOf: {time: "2026-01-01T00:00:00Z"}) { totalCount } } }',
         "VALIDATION_FAILED", "leave asOf out"),
        ("live { query { tasks(first: 200) { nodes { agent { tasks { totalCount } } } } } }",
         "TOO_COMPLEX", "and may cost 1000"),
        ('live { query { tasks(filter: {id: {startsWith: "x"}}, first: 300) { totalCount } } }',
         "VALIDATION_FAILED", "first must be between"),
    ],
)  # fmt: skip
async def test_what_cannot_be_live_or_costs_too_much_is_refused(
    rig: LiveQueryRig, tenant: str, document: str, code: str, part: str
) -> None:
    client = rig.open(f"subscription {{ {document} }}", tenant)
    await until(lambda: client.is_ended)
    assert client.errors is not None
    assert client.errors[0]["extensions"]["code"] == code
    assert part in client.errors[0]["message"]
    assert not client.bodies


async def test_a_query_without_an_index_and_one_too_many_are_refused(rig: LiveQueryRig, tenant: str) -> None:
    for number in range(25):
        await rig.send(CreateTask(id=f"task-{number}", title="x"), tenant=tenant)
    await rig.projected()
    scan = 'live { query { tasks(filter: {title: {contains: "x"}}) { totalCount } } }'
    unindexed = rig.open(f"subscription {{ {scan} }}", tenant)
    await until(lambda: unindexed.is_ended)
    assert unindexed.errors is not None
    assert unindexed.errors[0]["extensions"]["code"] == "NOT_INDEXED"
    assert unindexed.errors[0]["extensions"]["remedy"]
    different = [rig.open(TASK, tenant, id=f"task-{number}") for number in range(5)]
    await ready(*different)
    errors = different[-1].errors
    assert errors is not None
    assert errors[0]["extensions"]["code"] == "OVERLOADED"
    assert rig.open(TASK, tenant, id="task-0").errors is None
